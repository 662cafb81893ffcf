/* The old SHO: its HSS, its BSF and its M2M server. */

#if SERIALS == 2 && !defined(TWO_RELEASES)
/* One open release a machine. TWO_RELEASES: an old SHO that does not keep to that. */
#define MAY_COMPOSE (served && (releases[OTHER] == 0 || releases[OTHER] == returned))
#else
#define MAY_COMPOSE served
#endif

#ifdef WRONG_UNREGISTRATION_EXPIRES
#define UNREGISTRATION_IN_TIME (!expired[s])
#else
#define UNREGISTRATION_IN_TIME true
#endif

/* A recall may come to something: the machine is not known to be past step 8. */
#define RECALL_HELPS (changes[s] == 0 || BEFORE_DISCARD(changes[s]))

proctype old_sho(byte s) {
end:
  do
  /* 0 */
  :: d_step { ON_WIRE(ASK) ->
       TAKE_WIRE(ASK);
       if :: releases[s] == 0 && MAY_COMPOSE -> BEGIN(releases, composed) :: else fi }
  :: d_step { !expired[s] && TAKE(releases, composed, consent, issued) }
  :: d_step { TAKE(releases, composed, withdraw, returned) }

  /* Its own wish, or the token ran out and nobody has said anything: it asks the machine. */
#ifdef WRONG_TAKE_BACK_ALONE
  :: d_step { releases[s] == issued -> releases[s] = returned }
#else
#ifdef RECALLS
  :: d_step { TAKE(releases, issued, recall, recalling) }
#else
  :: d_step { expired[s] && TAKE(releases, issued, recall, recalling) }
#endif
#endif
  :: d_step { releases[s] == recalling && RECALL_HELPS && !IN_AIR(RECALL) -> SAY_AIR(RECALL) }
  :: d_step { IN_AIR(RETURN) ->
       TAKE_AIR(RETURN);
       if
       :: TAKE(releases, issued, return_, returned)
       :: TAKE(releases, recalling, return_, returned)
       :: else
       fi }

  /* 9, 10: subscription and contexts first, then the acknowledgement; a repeat is answered from the tombstone. */
#ifdef WRONG_ACK_BEFORE_COMMIT
  :: d_step { IN_AIR(UNREGISTER) && (releases[s] == issued || releases[s] == recalling) ->
       TAKE_AIR(UNREGISTER); accepted[s] = true; SAY_AIR(ACK) }
  :: d_step { accepted[s] ->
       accepted[s] = false;
       if
       :: TAKE(releases, issued, unregistration, letting_go)
       :: TAKE(releases, recalling, unregistration, letting_go)
       :: else
       fi }
#else
  :: d_step { IN_AIR(UNREGISTER) && releases[s] != letting_go ->
       TAKE_AIR(UNREGISTER);
       if
       :: UNREGISTRATION_IN_TIME && TAKE(releases, issued, unregistration, letting_go);
            unregistrations[s] = unregistrations[s] + 1
       :: UNREGISTRATION_IN_TIME && TAKE(releases, recalling, unregistration, letting_go);
            unregistrations[s] = unregistrations[s] + 1
       :: releases[s] == gone -> SAY_AIR(ACK)
       :: else
       fi }
#endif
  :: d_step { releases[s] == letting_go && served -> served = false }
  :: d_step { !served && TAKE(releases, letting_go, removed, gone); SAY_AIR(ACK) }
  od unless { silent == OLD_SHO }
}
