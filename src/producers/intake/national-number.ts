import { type CountryCode, getCountryCallingCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { shown } from '../../domain/phone-cell.ts';
import { type E164, isE164, nanpAreaCode } from '../../domain/phone-number.ts';
import { isNanpAreaCode, isTollFreeCode } from './validate.ts';

/** The country of an option such as `--country`; `null` when there is no such country. */
export function countryOf(text: string): CountryCode | null {
  const country = text.trim().toUpperCase();
  return isSupportedCountry(country) ? country : null;
}

/**
 * The number that digits without a `+` mean in a country. People write the digits as they dial them there, or a spreadsheet
 * removed the `+` of the country code. `null` when they are no number of the country.
 */
export function nationalNumber(digits: string, country: CountryCode): E164 | null {
  if (isPlusOne(country)) {
    const national = /^1?((\d{3})[2-9]\d{6})$/.exec(digits);
    return national?.[1] !== undefined && isNanpAreaCode(national[2] ?? '') ? `+1${national[1]}` : null;
  }
  const parsed = parsePhoneNumberFromString(digits, country);
  if (parsed?.isPossible() !== true || parsed.countryCallingCode !== getCountryCallingCode(country)) return null;
  return isE164(parsed.number) ? parsed.number : null;
}

/** True for the US, Canada and two dozen other countries that share the country code 1. Only their area codes differ. */
export const isPlusOne = (country: CountryCode): boolean => getCountryCallingCode(country) === '1';

/**
 * The country of a +1 number when it surely differs from `home`; otherwise `null`. Toll-free codes and other codes of no area
 * belong to no country. An area code that the library does not know may be new and is not judged.
 */
export function otherPlusOne(number: E164, home: CountryCode): CountryCode | null {
  const code = nanpAreaCode(number);
  if (code === null) return null;
  const country = COUNTRIES.get(code) ?? plusOneCountry(code);
  COUNTRIES.set(code, country);
  return country === home ? null : country;
}

/** Cache by area code. It has a few hundred entries at most. */
const COUNTRIES = new Map<string, CountryCode | null>();

function plusOneCountry(areaCode: string): CountryCode | null {
  const parsed = parsePhoneNumberFromString(`+1${areaCode}2345678`);
  const type = parsed?.getType();
  if (isTollFreeCode(areaCode) || type === 'PERSONAL_NUMBER' || type === 'PREMIUM_RATE') return null;
  return parsed?.country ?? null;
}

const NAMES = new Intl.DisplayNames(['en'], { type: 'region' });

/** The name of a country for people, such as `Bahamas (BS)`. */
export const nameOfCountry = (country: CountryCode): string => `${NAMES.of(country) ?? country} (${country})`;

/** The message for digits without a `+` that were not understood. `option` is the option that helps. */
export function noNational(cell: string, country: CountryCode | null, option: string): string {
  const what = `"${shown(cell)}" is not an E.164 number such as +13125550100`;
  if (country === null) return `${what}; ${option} (such as US) says in which country it is written so`;
  return `${what}, and no number of ${nameOfCountry(country)}`;
}
