/** All seven functions of one authentication (TS 33.102 6.3); octets: MACs 8, RES 4..16, CK and IK 16, AK and AK* 6. */
export interface AkaOutput {
  macA: Buffer;
  macS: Buffer;
  res: Buffer;
  ck: Buffer;
  ik: Buffer;
  ak: Buffer;
  akStar: Buffer;
}
