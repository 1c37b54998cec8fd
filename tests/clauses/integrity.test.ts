import { expect } from 'vitest';
import { sweepIntegrity } from '../../src/vault/integritySweep.ts';
import { verifyLog } from '../support/logs.ts';
import { atDatabase, made } from '../support/work.ts';
import { clause } from './clause.ts';

/** What is held is whole, and somebody looks. */

clause(
  'C11',
  {
    shows:
      'every stored value is opened under its key and held against the log, all of them or a sample, beside the service; one changed byte is named',
    in: ['src/vault/integritySweep.ts', 'src/cli/verify.ts', 'src/vault/auditVerification.ts'],
  },
  async (stage) => {
    const { vault } = stage;
    const [whole, hurt] = [await stage.person(), await stage.person()];
    const { db, keyring } = vault.vault;
    const look = (size?: number) => {
      const sample = size === undefined ? undefined : { size, seed: '0'.repeat(32) };
      return sweepIntegrity(db, keyring, vault.tenantId, sample, () => undefined);
    };
    expect((await look()).flaw, 'control').toBeUndefined();
    expect((await look(1)).records).toBeGreaterThan(0);
    const flip = () =>
      atDatabase(
        vault,
        'update amanat.customers set sealed = set_byte(sealed, 200, get_byte(sealed, 200) # 1) where id = $1',
        [hurt.id],
      );
    await flip();
    expect((await look()).flaw).toEqual({ code: 'value_does_not_open', kind: 'customers', id: hurt.id });
    const log = await verifyLog(vault);
    expect(log.breach).toMatchObject({ code: 'record_digest', id: hurt.id });
    // The others are served all the while.
    const shop = await stage.client('shop_backend');
    made(await shop.get(`/v1/customers/${whole.id}`), 200);
    await flip();
    expect((await look()).flaw).toBeUndefined();
    made(await shop.get(`/v1/customers/${hurt.id}`), 200);
  },
);
