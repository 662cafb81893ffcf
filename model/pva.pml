/* The platform validation authority: asked once, judges once. */
proctype pva(byte s) {
end:
  do
  :: d_step { ON_WIRE(VALIDATE) ->
       TAKE_WIRE(VALIDATE);
       if :: validations[s] == 0 -> BEGIN(validations, asked) :: else fi }
  :: d_step { IN_AIR(QUOTE) ->
       TAKE_AIR(QUOTE);
       if :: TAKE(validations, asked, quote_good, positive) :: else fi;
       SAY_AIR(VERDICT) }
#ifdef ALTERED_MACHINE
  :: d_step { IN_AIR(QUOTE) ->
       TAKE_AIR(QUOTE);
       if :: TAKE(validations, asked, quote_bad, negative) :: else fi;
       SAY_AIR(VERDICT) }
#endif
  :: d_step { validations[s] == positive && orders[s] == validating && !ON_WIRE(VALID) -> SAY_WIRE(VALID) }
  :: d_step { validations[s] == negative && orders[s] == validating && !ON_WIRE(INVALID) -> SAY_WIRE(INVALID) }
  od unless { silent == PVA }
}
