import { expect } from 'vitest';
import { hour, leavesOf, made, newOrder } from '../support/work.ts';
import { clause } from './clause.ts';

/** What a value may be used for. */

clause(
  'A8',
  {
    shows: 'work is of a purpose of the closed list, names the request that it serves, and every read says which',
    in: ['src/vault/grants.ts', 'src/policy/profile.ts'],
  },
  async ({ vault, client, person }) => {
    const [shop, support, dpo] = [await client('shop_backend'), await client('support'), await client('dpo')];
    const someone = await person();
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const ticket = { kind: 'ticket', customerId: someone.id, grantee: { role: 'support' }, closesAt };
    const refused = async (more: object) => {
      const { status, body } = await shop.post('/v1/grants', { ...ticket, ...more });
      return [status, body.code];
    };
    expect(await refused({})).toEqual([422, 'field_required']);
    // Nobody gives work a purpose of their own, nor a kind that the policy does not have.
    expect(await refused({ purpose: 'marketing' })).toEqual([422, 'unknown_field']);
    expect(await refused({ kind: 'refund' })).toEqual([403, 'not_permitted']);
    const orderId = await newOrder(shop, someone);
    const grant = made(await shop.post('/v1/grants', { ...ticket, orderId }));
    const read = await support.get(`/v1/customers/${someone.id}?grant=${grant.id}&fields=email`);
    expect(read.body.fields.email).toEqual({ state: 'full', value: someone.sent.fields['email'] });
    const leaf = (await leavesOf(dpo, `subject=${someone.id}`)).find(({ grantId }) => grantId === grant.id);
    expect(leaf).toMatchObject({ purpose: 'deliver_requested_service' });
  },
);
