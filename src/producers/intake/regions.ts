/** The allowed values of `administrative_area`: US states and territories with numbers, and Canadian provinces. */
export const ADMINISTRATIVE_AREAS: Readonly<Record<string, ReadonlySet<string>>> = {
  US: new Set(
    (
      'AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN ' +
      'TX UT VT VA WA WV WI WY DC PR VI GU'
    ).split(' '),
  ),
  CA: new Set('AB BC MB NB NL NS NT NU ON PE QC SK YT'.split(' ')),
};
