/* What always holds (I1 to I5), and what every change comes to (I8). */

#define ONE(s) ((in_use[s] > 0 && provisioned[s] == in_use[s]) || \
  (pending[s] > 0 && changes[s] != 0 && !ENDED(changes[s]) && (FAILED(changes[s]) || provisioned[s] == pending[s])))

/* In use or ready for it: the old MCIM, or a new one that the new SHO serves. A failed one waits to be corrected. */
#if SERIALS == 2
#define I1 ((old == WHOLE && served) || ONE(0) || ONE(1))
#else
#define I1 ((old == WHOLE && served) || ONE(0))
#endif

/* The old SHO's token, and not one that came back; narrowed by the new SHO; announced by the owner. */
#define RELEASED(s) (releases[s] == issued || releases[s] == recalling || releases[s] == letting_go || \
  releases[s] == gone)
#define I2_OF(s) (in_use[s] == 0 || (RELEASED(s) && !unsigned_order[s] && packed[s] >= in_use[s] && \
  changes[s] != 0 && !ENDED(changes[s])))

/* Who is not served has a durable discard record, and its TRE made the message. */
#define I3_OF(s) ((releases[s] != letting_go && releases[s] != gone) || old >= RECORDED)
#define I3_ALL (served || old >= RECORDED)

#define I4_OF(s) (!names_new[s] || (releases[s] == gone && in_use[s] > 0 && !served))

#define I5_OF(s) (activations[s] <= 1 && unregistrations[s] <= 1)

#if SERIALS == 2
#define I2 (I2_OF(0) && I2_OF(1))
#define I3 (I3_ALL && I3_OF(0) && I3_OF(1))
#define I4 (names_old + names_new[0] + names_new[1] <= 1 && I4_OF(0) && I4_OF(1))
#define I5 (I5_OF(0) && I5_OF(1) && (in_use[0] == 0 || in_use[1] == 0))
#else
#define I2 I2_OF(0)
#define I3 (I3_ALL && I3_OF(0))
#define I4 (names_old + names_new[0] <= 1 && I4_OF(0))
#define I5 I5_OF(0)
#endif

#ifdef SAFETY_OF
/* Looks at every state; SAFETY_OF is one of the invariants, or all of them. */
#define ALL (I1 && I2 && I3 && I4 && I5)
proctype monitor() {
end:
  d_step { !(SAFETY_OF) -> assert(SAFETY_OF) }
}
#endif

#ifdef LIVENESS
/* I8: nothing is under way any more, and who is not silent for ever has closed his books. */
#define CHANGED(s) (in_use[s] > 0)
#define AS_IT_WAS (old == WHOLE && served && names_old)

/* The new SHO has no better package, and everybody knows it. */
#ifdef HOPELESS
#define GIVEN_UP(s) (changes[s] == failed && orders[s] == failed)
#else
#define GIVEN_UP(s) false
#endif

#if SERIALS == 2
#define NOTHING_CHANGED(s) (!CHANGED(s) && pending[s] == 0 && (CHANGED(1 - s) || AS_IT_WAS))
#else
#define NOTHING_CHANGED(s) (!CHANGED(s) && pending[s] == 0 && AS_IT_WAS)
#endif

#define MACHINE_RESTS(s) ( \
  ((changes[s] == 0 || ENDED(changes[s])) && NOTHING_CHANGED(s)) || \
  changes[s] == finished || \
  (silent == OLD_SHO && changes[s] == active_owing_9) || \
  (silent == RO && (changes[s] == active_owing_11 || changes[s] == active_owing_13)) || \
  GIVEN_UP(s))
#define RELEASE_RESTS(s) (silent == OLD_SHO || \
  releases[s] == 0 || \
  (releases[s] == returned && !CHANGED(s)) || \
  (releases[s] == gone && (ACTIVE(changes[s]) || GIVEN_UP(s))))
#define DELIVERY_RESTS(s) (silent == RO || \
  deliveries[s] == 0 || \
  (deliveries[s] == refused && !CHANGED(s)) || \
  (deliveries[s] == registered && changes[s] == finished && names_new[s]) || \
  (deliveries[s] == succeeded && silent == NEW_SHO) || \
  (deliveries[s] == offered && silent == OLD_SHO && changes[s] == active_owing_9) || \
  (deliveries[s] == failed && GIVEN_UP(s)))
#define ORDER_RESTS(s) (silent == NEW_SHO || \
  orders[s] == 0 || \
  (orders[s] == refused && !CHANGED(s) && provisioned[s] == 0) || \
  (orders[s] == done && changes[s] == finished) || \
  (orders[s] == failed && GIVEN_UP(s)) || \
  (silent == RO && DELIVERS_OR_WAITS(s)) || \
  (silent == OLD_SHO && changes[s] == active_owing_9 && (orders[s] == delivering || orders[s] == delivered)))
#define DELIVERS_OR_WAITS(s) (orders[s] == delivering || orders[s] == delivered || orders[s] == released || \
  orders[s] == registering)
#define ENDS_OF(s) (MACHINE_RESTS(s) && RELEASE_RESTS(s) && DELIVERY_RESTS(s) && ORDER_RESTS(s))
#if SERIALS == 2
#define ENDS (ENDS_OF(0) && ENDS_OF(1))
#else
#define ENDS ENDS_OF(0)
#endif
/* What must not be: again and again something is left to do. The opposite of: some time all is at rest, for ever. */
never I8 {
again:
  do
  :: !ENDS -> goto accept
  :: true
  od;
accept:
  goto again
}
#endif
