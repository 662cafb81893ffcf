/* The new SHO. What it owes to RO and PVA is in its outbox until they have it. */

#define SHOWN_ALREADY (orders[s] == released || orders[s] == correcting || orders[s] == redelivering || \
                       orders[s] == registering || orders[s] == done || orders[s] == failed)
#ifdef WRONG_OUT_OF_ORDER_ANSWERED
#define OUT_OF_ORDER false
#else
#define OUT_OF_ORDER DELIVERS
#endif
#define DELIVERS (orders[s] == delivering || orders[s] == redelivering)

proctype new_sho(byte s) {
end:
  do
  /* 1 */
  :: d_step { ON_WIRE(ORDER) ->
       TAKE_WIRE(ORDER);
       if :: orders[s] == 0 && !expired[s] -> BEGIN(orders, validating) :: else fi }

  /* 3, 5 */
  :: d_step { orders[s] == validating && validations[s] == 0 && !ON_WIRE(VALIDATE) -> SAY_WIRE(VALIDATE) }
  :: d_step { ON_WIRE(VALID) ->
       TAKE_WIRE(VALID);
       if :: TAKE(orders, validating, validation_positive, preparing) :: else fi }
  :: d_step { ON_WIRE(INVALID) ->
       TAKE_WIRE(INVALID);
       if :: TAKE(orders, validating, validation_negative, refused) :: else fi }
  :: d_step { TAKE(orders, validating, lapsed, refused) }
  :: d_step { TAKE(orders, preparing, lapsed, refused) }
#ifdef WRONG_LAPSES_WHEN_DELIVERED
  :: d_step { expired[s] && orders[s] == delivered -> orders[s] = refused }
#endif

  /* 6: first the HSS, then the package; kept until a refusal is reported. */
  :: d_step { orders[s] == preparing && provisioned[s] == 0 -> provisioned[s] = 1 }
  :: d_step { provisioned[s] == 1 && TAKE(orders, preparing, packaged, delivering); packed[s] = 1 }
  :: d_step { TAKE(orders, preparing, unpackable, refused) }
  :: d_step { DELIVERS && !ON_WIRE(DELIVER + packed[s]) && !ON_WIRE(DELIVERY_TAKEN + packed[s]) &&
              !ON_WIRE(DELIVERY_REFUSED + packed[s]) -> SAY_WIRE(DELIVER + packed[s]) }
  :: d_step { DELIVERS && ON_WIRE(DELIVERY_TAKEN + packed[s]) ->
       TAKE_WIRE(DELIVERY_TAKEN + packed[s]);
       if
       :: TAKE(orders, delivering, delivery_taken, delivered)
       :: TAKE(orders, redelivering, delivery_taken, released)
       fi }
  :: d_step { DELIVERS && ON_WIRE(DELIVERY_REFUSED + packed[s]) ->
       TAKE_WIRE(DELIVERY_REFUSED + packed[s]);
       if
       :: TAKE(orders, delivering, delivery_refused, refused)
       :: TAKE(orders, redelivering, delivery_refused, failed)
       fi }
  :: d_step { ON_WIRE(REFUSAL) ->
       TAKE_WIRE(REFUSAL);
       if
       :: TAKE(orders, delivering, machine_refused, refused)
       :: TAKE(orders, delivered, machine_refused, refused)
       :: else
       fi }
  :: d_step { orders[s] == refused && provisioned[s] > 0 -> provisioned[s] = 0 }

  /* 11: r itself. */
  :: d_step { ON_WIRE(SHOWN) ->
       TAKE_WIRE(SHOWN);
       if
       :: TAKE(orders, delivering, release_shown, released)
       :: TAKE(orders, delivered, release_shown, released)
       :: else
       fi }

  /* 13: what comes out of order is asked for again. A failure counts for the newest package only. */
  :: d_step { ON_WIRE(OUTCOME_GOOD) && SHOWN_ALREADY && !DELIVERS ->
       TAKE_WIRE(OUTCOME_GOOD);
       if :: TAKE(orders, released, result_success, registering) :: else fi }
  :: d_step { packed[s] > 0 && ON_WIRE(OUTCOME_BAD + packed[s]) && SHOWN_ALREADY && !OUT_OF_ORDER ->
       TAKE_WIRE(OUTCOME_BAD + packed[s]);
       answered[s] = packed[s];
       if :: TAKE(orders, released, result_failure, correcting) :: else fi }
#ifdef WRONG_OUTCOME_OF_ANY_PACKAGE
  :: d_step { packed[s] == 2 && ON_WIRE(OUTCOME_BAD + 1) && SHOWN_ALREADY && !DELIVERS ->
       TAKE_WIRE(OUTCOME_BAD + 1);
       if :: TAKE(orders, released, result_failure, correcting) :: else fi }
#endif
  :: d_step { packed[s] < 3 && TAKE(orders, correcting, packaged, redelivering);
       packed[s] = packed[s] + 1; provisioned[s] = packed[s] }
#ifdef HOPELESS
  :: d_step { TAKE(orders, correcting, unpackable, failed) }
#endif

  /* 14 */
  :: d_step { orders[s] == registering && !ON_WIRE(REGISTER) && !ON_WIRE(REGISTERED) -> SAY_WIRE(REGISTER) }
  :: d_step { ON_WIRE(REGISTERED) ->
       TAKE_WIRE(REGISTERED);
       if :: TAKE(orders, registering, registered, done) :: else fi }
  od unless { silent == NEW_SHO }
}
