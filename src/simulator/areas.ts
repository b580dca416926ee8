import type { Area } from './types.ts';

// code|state|city|rate center|weight (weight 10 unless given)
const US = `312|IL|Chicago|CHICAGO|260;773|IL|Chicago|CHICAGO|175;872|IL|Chicago|CHICAGO|175;646|NY|New York|NEW YORK|175
212|NY|New York|NEW YORK;917|NY|New York|NEW YORK|20;347|NY|Brooklyn|BROOKLYN;718|NY|Queens|QUEENS;516|NY|Hempstead|HEMPSTEAD
585|NY|Rochester|ROCHESTER;716|NY|Buffalo|BUFFALO;415|CA|San Francisco|SNFC CNTRL|30;628|CA|San Francisco|SNFC CNTRL;510|CA|Oakland|OAKLAND
213|CA|Los Angeles|LSAN DA 01|30;310|CA|Santa Monica|SANTA MON|20;323|CA|Los Angeles|LSAN DA 01;408|CA|San Jose|SAN JOSE NORTH;619|CA|San Diego|SAN DIEGO
916|CA|Sacramento|SACRAMENTO;305|FL|Miami|MIAMI|30;786|FL|Miami|MIAMI;407|FL|Orlando|ORLANDO;813|FL|Tampa|TAMPA;904|FL|Jacksonville|JACKSONVL
954|FL|Fort Lauderdale|FTLAUDERDL;512|TX|Austin|AUSTIN|40;737|TX|Austin|AUSTIN|20;214|TX|Dallas|DALLAS|30;469|TX|Dallas|DALLAS|20;972|TX|Garland|GARLAND
713|TX|Houston|HOUSTON|30;281|TX|Houston|HOUSTON;832|TX|Houston|HOUSTON;210|TX|San Antonio|SANANTONIO;817|TX|Fort Worth|FORT WORTH
702|NV|Las Vegas|LAS VEGAS|20;602|AZ|Phoenix|PHOENIX|20;480|AZ|Mesa|MESA;520|AZ|Tucson|TUCSON;303|CO|Denver|DENVER|20;720|CO|Denver|DENVER
206|WA|Seattle|SEATTLE|20;253|WA|Tacoma|TACOMA;509|WA|Spokane|SPOKANE;404|GA|Atlanta|ATLANTA|20;770|GA|Marietta|MARIETTA;678|GA|Atlanta|ATLANTA
617|MA|Boston|BOSTON;508|MA|Worcester|WORCESTER;215|PA|Philadelphia|PHILA;412|PA|Pittsburgh|PITTSBURGH;313|MI|Detroit|DETROIT
616|MI|Grand Rapids|GRANDRAPDS;216|OH|Cleveland|CLEVELAND;614|OH|Columbus|COLUMBUS;513|OH|Cincinnati|CINCINNATI;317|IN|Indianapolis|INDIANAPLS
414|WI|Milwaukee|MILWAUKEE;612|MN|Minneapolis|MINNEAPOLS;314|MO|Saint Louis|SAINT LOUIS;816|MO|Kansas City|KANSAS CITY;504|LA|New Orleans|NEWORLEANS
615|TN|Nashville|NASHVILLE;901|TN|Memphis|MEMPHIS;704|NC|Charlotte|CHARLOTTE;919|NC|Raleigh|RALEIGH;803|SC|Columbia|COLUMBIA;804|VA|Richmond|RICHMOND
202|DC|Washington|WSHNGTNZN1;410|MD|Baltimore|BALTIMORE;201|NJ|Jersey City|JERSEYCITY;973|NJ|Newark|NEWARK;203|CT|New Haven|NEW HAVEN
503|OR|Portland|PORTLAND;801|UT|Salt Lake City|SALT LAKE;505|NM|Albuquerque|ALBUQUERQU;405|OK|Oklahoma City|OKLA CITY;502|KY|Louisville|LOUISVILLE`;

const CA = '416|ON|Toronto|TORONTO|20;604|BC|Vancouver|VANCOUVER|20';

export interface WeightedArea {
  area: Area;
  weight: number;
  /** Expensive toll-free numbers: 500.00 once and 40.00 a month. */
  dear: boolean;
}

function local(table: string, country: string): WeightedArea[] {
  return table.split(/[;\n]/).map((row) => {
    const [ndc = '', state = '', locality = '', rateCenter = '', weight = '10'] = row.split('|');
    const area: Area = { ndc, country, countryCode: '1', type: 'local', state, locality, rateCenter };
    return { area, weight: Number(weight), dear: false };
  });
}

function foreign(ndc: string, country: string, countryCode: string, locality: string): WeightedArea {
  const area: Area = { ndc, country, countryCode, type: 'local', state: '', locality, rateCenter: '' };
  return { area, weight: 10, dear: false };
}

function tollFree(ndc: string, weight: number, dear: boolean): WeightedArea {
  const area: Area = {
    ndc,
    country: 'US',
    countryCode: '1',
    type: 'toll_free',
    state: '',
    locality: '',
    rateCenter: '',
  };
  return { area, weight, dear };
}

/** Every area numbers are sold and owned in, ordinary ones first. */
export const AREAS: readonly WeightedArea[] = [
  ...local(US, 'US'),
  ...local(CA, 'CA'),
  tollFree('888', 30, false),
  tollFree('877', 30, false),
  foreign('20', 'GB', '44', 'London'),
  foreign('30', 'DE', '49', 'Berlin'),
  tollFree('800', 20, true),
];
