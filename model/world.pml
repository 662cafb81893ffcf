/*
 * Time and the network, for each serial. The token's validity and Ks end some time, at any moment; whatever else can go
 * wrong does so at any moment within its budget, or the budget is given up: no fault has to happen.
 * TIMELESS: none of this.
 */
#ifdef LOSSES
byte losses = LOSSES;
#endif
#ifdef CUTS
byte cuts = CUTS;
#endif
#ifdef KS_EXPIRES
bool ks_expired;
#endif
#ifdef LINK_LOST
bool link_stays;
#endif
#ifdef SILENCE
bool all_speak;
#endif

#define LOSE_AIR(m) :: d_step { losses > 0 && IN_AIR(m) -> TAKE_AIR(m); losses = losses - 1 }
#define LOSE_WIRE(m) :: d_step { losses > 0 && ON_WIRE(m) -> TAKE_WIRE(m); losses = losses - 1 }

/* What cannot be repeated any more need not be remembered. */
#define REPEATED repeats = repeats - 1; if :: repeats == 0 -> said_air[s] = 0; said_wire[s] = 0 :: else fi
#define REPEAT_AIR(m) \
  :: d_step { repeats > 0 && (said_air[s] & (1 << m)) && !IN_AIR(m) -> air[s] = air[s] | (1 << m); REPEATED }
#define REPEAT_WIRE(m) \
  :: d_step { repeats > 0 && (said_wire[s] & (1 << m)) && !ON_WIRE(m) -> wire[s] = wire[s] | (1 << m); REPEATED }

#define EACH_WIRE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
  X(16) X(17) X(18) X(19) X(20) X(21)
#define EACH_AIR(X) EACH_WIRE(X) X(22)

/* A power cut: connections die with what is under way on them; what is not on a disk is forgotten. */
#define BIT(m) (1 << (m))
#define OLD_SHO_AIR (BIT(UNREGISTER) | BIT(ACK) | BIT(RETURN) | BIT(RECALL))
#define PVA_AIR (BIT(QUOTE) | BIT(VERDICT))
#define OWNER_AIR (BIT(INSTRUCT) | BIT(CANCEL))
#define RO_AIR ~(OLD_SHO_AIR | PVA_AIR | OWNER_AIR)
#define PVA_WIRE (BIT(VALIDATE) | BIT(VALID) | BIT(INVALID))
#define OWNER_WIRE (BIT(ASK) | BIT(ORDER))
#define RO_WIRE ~(PVA_WIRE | OWNER_WIRE)
#define NEW_SHO_WIRE ~BIT(ASK)
#ifdef ANYTIME
#define DROP(of_air, of_wire) skip
#else
#define DROP(of_air, of_wire) air[s] = air[s] & ~(of_air); wire[s] = wire[s] & ~(of_wire)
#endif
#define CUT(of_air, of_wire, forget) :: d_step { cuts > 0 -> cuts = cuts - 1; DROP(of_air, of_wire); forget }

inline forget_machine() {
  live = false
#ifdef WRONG_SPENT_SERIALS_IN_MEMORY
  ; if :: ACTIVE(changes[s]) -> changes[s] = 0; number = 0 :: else fi
#endif
}

inline forget_old_sho() {
#ifdef WRONG_ACK_BEFORE_COMMIT
  accepted[s] = false;
#endif
#ifdef WRONG_TOMBSTONE_IN_MEMORY
  if :: releases[s] == gone -> releases[s] = issued :: else fi;
#endif
  skip
}

proctype world(byte s) {
end:
  do
  :: d_step { releases[s] != 0 && !expired[s] -> expired[s] = true }
#ifdef KS_EXPIRES
  /* What is not pinned by then cannot be used any more; a live session ends, now or later. */
  :: d_step { releases[s] != 0 && changes[s] == 0 && !keyless[s] -> keyless[s] = true }
  :: d_step { !ks_expired && live -> ks_expired = true; live = false }
#endif
#ifdef LINK_LOST
  :: d_step { old == ERASED && link && !link_stays -> link = false; live = false }
  :: d_step { link && !link_stays -> link_stays = true }
#endif
#ifdef SILENCE
  :: d_step { silent == NOBODY && !all_speak -> silent = OLD_SHO }
  :: d_step { silent == NOBODY && !all_speak -> silent = NEW_SHO }
  :: d_step { silent == NOBODY && !all_speak -> silent = RO }
  :: d_step { silent == NOBODY && !all_speak -> silent = PVA }
  :: d_step { silent == NOBODY && !all_speak -> all_speak = true }
#endif
#ifdef LOSSES
  EACH_AIR(LOSE_AIR)
  EACH_WIRE(LOSE_WIRE)
  :: d_step { losses > 0 -> losses = 0 }
#endif
#ifdef REPEATS
  EACH_AIR(REPEAT_AIR)
  EACH_WIRE(REPEAT_WIRE)
  :: d_step { repeats > 0 -> repeats = 0; said_air[s] = 0; said_wire[s] = 0 }
#endif
#ifdef CUTS
  CUT(~0, 0, forget_machine())
  CUT(OLD_SHO_AIR, BIT(ASK), forget_old_sho())
  CUT(RO_AIR, RO_WIRE, skip)
  CUT(0, NEW_SHO_WIRE, skip)
  CUT(PVA_AIR, PVA_WIRE, skip)
  CUT(OWNER_AIR, OWNER_WIRE, skip)
  :: d_step { cuts > 0 -> cuts = 0 }
#endif
  od
}

#ifdef LIVENESS
/* So that a run in which nobody can do anything any more is an infinite one, too: I8 is about infinite runs. */
proctype idle() {
  do
  :: old <= ERASED
  od
}
#endif
