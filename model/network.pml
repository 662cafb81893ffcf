/*
 * Messages are bits. `air` carries what the machine sends and receives, `wire` what the others say to each other.
 * With ANYTIME a bit stays: whatever was said once arrives at any time, any number of times, in any order, or never, and
 * every attacker can repeat it. Without, a message is taken once, senders repeat what is owed, and the network loses
 * and repeats as often as its budgets allow.
 */
int air[SERIALS];
int wire[SERIALS];

#define IN_AIR(m) (air[s] & (1 << (m)))
#define ON_WIRE(m) (wire[s] & (1 << (m)))

#ifdef REPEATS
byte repeats = REPEATS;
int said_air[SERIALS];
int said_wire[SERIALS];
#define REMEMBER_AIR(m) said_air[s] = (repeats > 0 -> said_air[s] | (1 << (m)) : 0)
#define REMEMBER_WIRE(m) said_wire[s] = (repeats > 0 -> said_wire[s] | (1 << (m)) : 0)
#else
#define REMEMBER_AIR(m) skip
#define REMEMBER_WIRE(m) skip
#endif
#define SAY_AIR(m) air[s] = air[s] | (1 << (m)); REMEMBER_AIR(m)
#define SAY_WIRE(m) wire[s] = wire[s] | (1 << (m)); REMEMBER_WIRE(m)

#ifdef ANYTIME
#define TAKE_AIR(m) skip
#define TAKE_WIRE(m) skip
#else
#define TAKE_AIR(m) air[s] = air[s] & ~(1 << (m))
#define TAKE_WIRE(m) wire[s] = wire[s] & ~(1 << (m))
#endif

/* In the air; those with packages have one bit for each package, 1 to 3. */
#define INSTRUCT 0
#define CANCEL 1
#define RECALL 2
#define QUOTE 3
#define VERDICT 4
#define POLL 5
#define OFFER 5             /* 6, 7, 8 */
#define UNREGISTER 9
#define ACK 10
#define RELAY 11
#define RELEASE 12
#define SUCCESS 13
#define SUCCESS_TAKEN 14
#define FAILURE 14          /* 15, 16, 17 */
#define FAILURE_TAKEN 17    /* 18, 19, 20 */
#define RETURN 21
#define REFUSE 22

/* On the wire. */
#define ASK 0
#define ORDER 1
#define VALIDATE 2
#define VALID 3
#define INVALID 4
#define DELIVER 4           /* 5, 6, 7 */
#define DELIVERY_TAKEN 7    /* 8, 9, 10 */
#define DELIVERY_REFUSED 10 /* 11, 12, 13 */
#define SHOWN 14
#define OUTCOME_GOOD 15
#define OUTCOME_BAD 15      /* 16, 17, 18 */
#define REGISTER 19
#define REGISTERED 20
#define REFUSAL 21
