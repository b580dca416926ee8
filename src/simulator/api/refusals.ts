import type { RefusalShape } from '../behaviour.ts';
import type { E164 } from '../types.ts';
import { invalid, Refusal } from './wire.ts';

/** What live accounts answer for numbers that are gone, masked or not in a recent search: the text names each of them. */
function unrecognized(numbers: readonly E164[]): Refusal {
  const list = numbers.map((e164) => `'${e164}'`).join(', ');
  const detail = `We don't recognize the number(s) [${list}]. Did you first search for the number(s)?`;
  return new Refusal(422, { code: '10027', title: 'Unprocessable Entity', detail, source: { pointer: '/' } });
}

function noLongerAvailable(numbers: readonly E164[], named: boolean): Refusal {
  const detail = named
    ? `The following numbers are no longer available: ${numbers.join(', ')}`
    : 'One or more of the numbers are no longer available';
  return new Refusal(409, {
    code: '85001',
    title: 'Number no longer available',
    detail,
    source: { pointer: '/phone_numbers' },
  });
}

/** The refusal of a whole order because of numbers that others have. `named`: whether the text of `85001` names them. */
export function goneRefusal(shape: RefusalShape, numbers: readonly E164[], named: boolean): Refusal {
  if (shape === '10027') return unrecognized(numbers);
  if (shape === '85001') return noLongerAvailable(numbers, named);
  return new Refusal(409, shape === 'conflict' ? { title: 'Conflict' } : { code: '10012', title: 'Conflict' });
}

/** Refuses a whole order for numbers that no recent search of this account showed. */
export function unsearchedRefusal(code: '10027' | '85000', numbers: readonly E164[]): Refusal {
  if (code === '10027') return unrecognized(numbers);
  const detail = `Numbers must be found in a recent search before they are ordered: ${numbers.join(', ')}`;
  return invalid('/phone_numbers', detail, '85000');
}
