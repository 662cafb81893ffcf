/* The owner: a client of both SHOs and of the machine, who may stop at any time. */

#if SERIALS == 2 && !defined(TWO_RELEASES)
/* A second change is ordered when the first has come to nothing. */
#define MAY_ASK (s == 0 || releases[0] == returned)
#else
#define MAY_ASK true
#endif

proctype owner(byte s) {
#ifdef CANCELS
  bool cancelled;
#endif
end:
  do
  :: d_step { releases[s] == 0 && MAY_ASK && !ON_WIRE(ASK) -> SAY_WIRE(ASK) }
  :: d_step { releases[s] == issued && !token[s] -> token[s] = true }
  :: d_step { token[s] && orders[s] == 0 && !expired[s] && !ON_WIRE(ORDER) -> SAY_WIRE(ORDER) }
#ifdef UNSIGNED_ORDERS
  /* An owner tries it without the old SHO's consent. */
  :: d_step { releases[s] != 0 && !token[s] && orders[s] == 0 && !ON_WIRE(ORDER) ->
       unsigned_order[s] = true; SAY_WIRE(ORDER) }
#endif
  :: d_step { releases[s] != 0 && changes[s] == 0 && !keyless[s] && !expired[s] && number < INSTRUCTION_NUMBER &&
              !IN_AIR(INSTRUCT) -> SAY_AIR(INSTRUCT) }
#ifdef CANCELS
  :: d_step { !cancelled && releases[s] != 0 -> cancelled = true; SAY_AIR(CANCEL) }
#endif
#ifdef LIVENESS
  /* He may leave his part undone; then the token runs out. */
  :: (orders[s] == 0 && !ON_WIRE(ORDER)) || (changes[s] == 0 && !IN_AIR(INSTRUCT)) -> break
#endif
  od
}
