import type { BsfConfig } from '../../src/bsf/index.ts';
import type { HssConfig } from '../../src/hss/index.ts';
import type { M2meConfig } from '../../src/m2me/index.ts';
import type { OwnerConfig } from '../../src/owner/index.ts';
import type { PvaConfig } from '../../src/pva/index.ts';
import type { RoConfig } from '../../src/ro/index.ts';
import type { ShoConfig } from '../../src/sho/index.ts';
import type { Point } from './meter.ts';

/** Who a process is, with its configuration. The owner changes one machine and says how that ended. */
export type Role =
  | { kind: 'hss'; config: HssConfig }
  | { kind: 'bsf'; config: BsfConfig }
  | { kind: 'sho'; config: ShoConfig }
  | { kind: 'ro'; config: RoConfig }
  | { kind: 'pva'; config: PvaConfig }
  | { kind: 'm2me'; config: M2meConfig }
  | { kind: 'owner'; config: OwnerConfig; machine: { m2meId: string; url: string } };

/** Where durable writes are noted, and which of them are the last. */
export interface Watch {
  file: string;
  deadly: readonly Point[];
}

export type ToParty =
  | { id: number; do: 'start'; role: Role; watch?: Watch | undefined }
  | { id: number; do: 'watch'; watch: Watch }
  | { id: number; do: 'list'; space: string }
  | { id: number; do: 'stop' };

export interface Listed {
  key: string;
  value: Record<string, unknown>;
}

/** Every question is answered; `result` is what was listed, or how the owner's change ended. */
export type FromParty =
  | { id: number; ok: true; result?: unknown }
  | { id: number; ok: false; code: string; message: string }
  | { ended: { state: string; reason?: string } };
