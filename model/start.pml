/* Everybody at once. */
inline start(n) {
  run owner(n);
  run machine(n);
  run old_sho(n);
  run new_sho(n);
  run ro(n);
  run pva(n);
#ifndef TIMELESS
  run world(n);
#endif
  skip
}

init {
  atomic {
#ifdef AFTER_A_RETURN
    /* The machine has just given the first token back; RO and new SHO do not know it yet. */
    changes[0] = returned; number = 1; releases[0] = returned; expired[0] = true;
    orders[0] = delivered; packed[0] = 1; provisioned[0] = 1;
    deliveries[0] = offered; offering[0] = 1;
    run machine(0); run new_sho(0); run ro(0);
#else
    start(0);
#endif
#if SERIALS == 2
    start(1);
#endif
#ifdef LIVENESS
    run idle();
#endif
#ifdef SAFETY_OF
    run monitor();
#endif
  }
}
