import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";

/** What a field holds, as far as {@link planMessage} knows. */
export const FieldKind = {
  STRING: 0,
  BYTES: 1,
  BOOL: 2,
  UINT32: 3,
  INT32: 4,
  UINT64: 5,
  INT64: 6,
  MESSAGE: 7,
} as const;

/** One field of a {@link MessagePlan}. */
export interface FieldPlan {
  readonly name: string;
  readonly tag: number;
  readonly tagBytes: number;
  readonly kind: number;
  readonly isRepeated: boolean;
  /** Whether a zero value is left out. */
  readonly isImplicit: boolean;
  /** Whether text that is not UTF-8 is refused. */
  readonly isStrictText: boolean;
  /** Of a message field. Asked for late, because messages may contain themselves. */
  readonly message: () => MessagePlan;
}

/** How a message is encoded and decoded without looking at its descriptor again. */
export interface MessagePlan {
  /** By field number. */
  readonly fields: readonly FieldPlan[];
  readonly byTag: ReadonlyMap<number, FieldPlan>;
  /** What a message without a field looks like; the lists are not to be shared. */
  readonly zero: Readonly<Record<string, unknown>>;
  readonly listNames: readonly string[];
}

const EMPTY = new Uint8Array(0);
const EDITION_PROTO3 = 999;

/**
 * The plan of a message, or undefined when it, or a message inside it, has something that plans do not cover: maps,
 * oneofs, packed fields, fixed-size numbers, types that protobuf-es represents in a way of their own, or another syntax
 * than proto3.
 */
export function planMessage(
  desc: DescMessage,
  plans: Map<DescMessage, MessagePlan> = new Map(),
): MessagePlan | undefined {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  if (desc.file.edition !== EDITION_PROTO3 || desc.typeName.startsWith("google.protobuf.")) return undefined;
  const zero: Record<string, unknown> = { $typeName: desc.typeName };
  const fields: FieldPlan[] = [];
  const plan = { fields, byTag: new Map<number, FieldPlan>(), zero, listNames: [] as string[] };
  plans.set(desc, plan);
  for (const field of desc.fields) {
    const fieldPlan = planField(field, plans);
    if (fieldPlan === undefined) return undefined;
    fields.push(fieldPlan);
    plan.byTag.set(fieldPlan.tag, fieldPlan);
    if (fieldPlan.isRepeated) plan.listNames.push(fieldPlan.name);
    if (fieldPlan.isRepeated || fieldPlan.isImplicit) zero[fieldPlan.name] = zeroOf(fieldPlan);
  }
  fields.sort((a, b) => a.tag - b.tag);
  return plan;
}

function planField(field: DescField, plans: Map<DescMessage, MessagePlan>): FieldPlan | undefined {
  if (field.oneof !== undefined) return undefined;
  const isRepeated = field.fieldKind === "list";
  const kind = kindOf(field);
  if (kind === undefined) return undefined;
  const isLengthDelimited = kind === FieldKind.STRING || kind === FieldKind.BYTES || kind === FieldKind.MESSAGE;
  if (isRepeated && !isLengthDelimited) return undefined;
  const { message } = field;
  if (message !== undefined && planMessage(message, plans) === undefined) return undefined;
  const tag = ((field.number << 3) | (isLengthDelimited ? 2 : 0)) >>> 0;
  return {
    name: field.localName,
    tag,
    tagBytes: varintBytes(tag),
    kind,
    isRepeated,
    isImplicit: !isRepeated && message === undefined && field.presence === FeatureSet_FieldPresence.IMPLICIT,
    isStrictText: field.utf8Validation === true,
    message: () => plans.get(message as DescMessage) as MessagePlan,
  };
}

function kindOf(field: DescField): number | undefined {
  switch (field.fieldKind === "list" ? field.listKind : field.fieldKind) {
    case "message":
      return FieldKind.MESSAGE;
    case "enum":
      return field.enum?.open === true ? FieldKind.INT32 : undefined;
    case "scalar":
      break;
    default:
      return undefined;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return FieldKind.STRING;
    case ScalarType.BYTES:
      return FieldKind.BYTES;
    case ScalarType.BOOL:
      return FieldKind.BOOL;
    case ScalarType.UINT32:
      return FieldKind.UINT32;
    case ScalarType.INT32:
      return FieldKind.INT32;
    case ScalarType.UINT64:
    case ScalarType.INT64:
      if (field.fieldKind !== "scalar" || field.longAsString) return undefined;
      return field.scalar === ScalarType.UINT64 ? FieldKind.UINT64 : FieldKind.INT64;
    default:
      return undefined;
  }
}

function zeroOf({ kind, isRepeated }: FieldPlan): unknown {
  if (isRepeated) return [];
  switch (kind) {
    case FieldKind.STRING:
      return "";
    case FieldKind.BYTES:
      return EMPTY;
    case FieldKind.BOOL:
      return false;
    case FieldKind.UINT64:
    case FieldKind.INT64:
      return 0n;
    default:
      return 0;
  }
}

/** Bytes of a varint below 2^53. */
export function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count += 1;
  return count;
}
