/** Degrees, WGS 84. */
export interface Location {
  readonly lat: number;
  readonly lng: number;
}

export type ParsedLocation =
  | { readonly ok: true; readonly canonical: Location; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/** A point inside about 25 to 40 N, 44 to 63.5 E. Not-a-number is out of range like any other. */
export function parseLocation(value: Location): ParsedLocation {
  const { lat, lng } = value;
  if (!(lat >= 25 && lat <= 40)) return { ok: false, reason: 'lat_out_of_range' };
  if (!(lng >= 44 && lng <= 63.5)) return { ok: false, reason: 'lng_out_of_range' };
  return { ok: true, canonical: { lat, lng }, warnings: [] };
}
