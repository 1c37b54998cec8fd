/**
 * A row of a CSV file as a body of POST /v1/customers. Columns are named by what they hold:
 *
 * | column                                                  | becomes                                                  |
 * | ------------------------------------------------------- | -------------------------------------------------------- |
 * | kind                                                    | natural or legal; without it, legal where legalName or legalNationalId is there |
 * | externalRef, source                                     | the same; source is `import` without the column          |
 * | attestationTextSha256, attestationMethod, attestationAt | attestation                                              |
 * | givenName … iban                                        | fields                                                   |
 * | mobile, mobile2 … mobile5, landline … landline5         | phones; the first of each kind is the primary one        |
 * | landlineExtension … landline5Extension                  | extension of that landline                               |
 * | province … note, postalCode, lat, lng                   | the first address                                        |
 * | address2.province … address5.lng                        | further addresses                                        |
 *
 * An empty cell is as if it were not there.
 */
import { addressParts } from '../vault/addressParts.ts';
import { singleFields } from '../vault/customerFields.ts';
import { UsageFault } from './command.ts';

const numbers = ['', '2', '3', '4', '5'] as const;
const phoneKinds = ['mobile', 'landline'] as const;
const placeParts = [...addressParts, 'postalCode', 'lat', 'lng'] as const;

const attestationColumns = ['attestationTextSha256', 'attestationMethod', 'attestationAt'] as const;

const prefixOf = (number: string): string => (number === '' ? '' : `address${number}.`);

/** Every column that means something. */
export const columnNames: readonly string[] = [
  'kind',
  'source',
  ...singleFields,
  ...numbers.flatMap((n) => [...phoneKinds.map((kind) => `${kind}${n}`), `landline${n}Extension`]),
  ...numbers.flatMap((n) => placeParts.map((part) => `${prefixOf(n)}${part}`)),
  ...attestationColumns,
];

type Row = Readonly<Record<string, string>>;

/**
 * The meaning of each column of a file, by its place; undefined for one that is left out (`--map name=`). `mapped` holds
 * `--map column=field`. Throws `UsageFault`, which names a column by its number: without a heading the first row is a person.
 */
export function columnsOf(header: readonly string[], mapped: readonly string[]): readonly (string | undefined)[] {
  const meanings = new Map(mapped.map(mappingOf));
  const columns = header.map((cell) => {
    const name = cell.trim();
    const meaning = meanings.get(name) ?? name;
    return meaning === '' && meanings.has(name) ? undefined : meaning;
  });
  const at = (wrong: (column: string, i: number) => boolean): string =>
    columns.flatMap((column, i) => (column !== undefined && wrong(column, i) ? [i + 1] : [])).join(', ');
  const unknown = at((column) => !columnNames.includes(column));
  if (unknown !== '') {
    throw new UsageFault(
      `the first line must name the columns; unknown (counted from 1): ${unknown}. Use --map name=field, or --map name= to leave it out`,
    );
  }
  const twice = at((column, i) => columns.indexOf(column) < i);
  if (twice !== '') throw new UsageFault(`columns that are there before (counted from 1): ${twice}`);
  return columns;
}

function mappingOf(text: string): [string, string] {
  const cut = text.lastIndexOf('=');
  const field = text.slice(cut + 1);
  if (cut < 1 || (field !== '' && !columnNames.includes(field)))
    throw new UsageFault(`--map must be column=field, the field being one of: ${columnNames.slice(0, 17).join(' ')} …`);
  return [text.slice(0, cut), field];
}

export function customerOfRow(columns: readonly (string | undefined)[], cells: readonly string[]): unknown {
  const row: Row = Object.fromEntries(
    columns.flatMap((column, i) => (column === undefined || (cells[i] ?? '') === '' ? [] : [[column, cells[i] ?? '']])),
  );
  const fields = Object.fromEntries(
    singleFields.flatMap((field) => (row[field] === undefined || field === 'externalRef' ? [] : [[field, row[field]]])),
  );
  const isLegal = fields['legalName'] !== undefined || fields['legalNationalId'] !== undefined;
  return {
    kind: row['kind'] ?? (isLegal ? 'legal' : 'natural'),
    ...(row['externalRef'] === undefined ? {} : { externalRef: row['externalRef'] }),
    source: row['source'] ?? 'import',
    ...attestationOf(row),
    fields,
    phones: phonesOf(row),
    addresses: numbers.flatMap((n) => placeOf(row, prefixOf(n))),
  };
}

function attestationOf(row: Row): object {
  const [textSha256, method, at] = attestationColumns.map((column) => row[column]);
  if (textSha256 === undefined && method === undefined && at === undefined) return {};
  return { attestation: { textSha256, method, ...(at === undefined ? {} : { at }) } };
}

function phonesOf(row: Row): object[] {
  return phoneKinds.flatMap((kind) =>
    numbers.flatMap((n) => {
      const number = row[`${kind}${n}`];
      const extension = kind === 'landline' ? row[`landline${n}Extension`] : undefined;
      return number === undefined ? [] : [{ kind, number, ...(extension === undefined ? {} : { extension }) }];
    }),
  );
}

function placeOf(row: Row, prefix: string): object[] {
  const part = (name: string): string | undefined => row[prefix + name];
  const address = Object.fromEntries(
    addressParts.flatMap((name) => (part(name) === undefined ? [] : [[name, part(name)]])),
  );
  const [postalCode, lat, lng] = [part('postalCode'), part('lat'), part('lng')];
  const place = {
    ...(Object.keys(address).length === 0 ? {} : { address }),
    ...(postalCode === undefined ? {} : { postalCode }),
    ...(lat === undefined && lng === undefined ? {} : { location: { lat: degrees(lat), lng: degrees(lng) } }),
  };
  return Object.keys(place).length === 0 ? [] : [place];
}

/** What is no number goes as it is: the vault refuses it and says where. */
function degrees(text: string | undefined): number | string | undefined {
  return text === undefined || text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
