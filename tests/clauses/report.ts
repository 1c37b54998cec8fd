import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { clausesDocument, documentPath, publishedClauses } from './document.ts';
import { clauseTests } from './register.ts';

/** Writes docs/clauses.md after a run of all clause tests; of a part of them it writes nothing. */
export default class ClausesReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const ran = new Map<string, boolean>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { clause } = test.meta();
        if (clause !== undefined) ran.set(clause.id, test.result().state === 'passed');
      }
    }
    const tests = clauseTests();
    const left = tests.filter(({ id }) => !ran.has(id));
    const clauses = publishedClauses();
    if (clauses === undefined || left.length > 0) {
      process.stdout.write(`docs/clauses.md is left as it is: ${left.length} clause tests did not run\n`);
      return;
    }
    const shown = new Set([...ran].filter(([, passed]) => passed).map(([id]) => id));
    writeFileSync(documentPath, clausesDocument(clauses, tests, shown));
    process.stdout.write(`docs/clauses.md: ${shown.size} of ${tests.length} clause tests passed\n`);
  }
}
