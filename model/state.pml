/* What everybody has on disk, for each serial; what is volatile; the world. */
#ifndef SERIALS
#define SERIALS 1
#endif

/* The records of the parties; 0: there is none yet. */
mtype changes[SERIALS];
mtype releases[SERIALS];
mtype orders[SERIALS];
mtype deliveries[SERIALS];
mtype validations[SERIALS];

/*
 * The only two ways to write a record: where its transition table begins, and by one row of the table. test/model
 * compares both with src, and each search says which rows it took. `event` is only a name, and as such always true.
 */
#define BEGIN(record, state) record[s] = state
#define TAKE(record, from, event, to) \
  record[s] == from && event -> \
  c_code { static int said; if (!said++) printf("took " #record " " #from " " #event " " #to "\n"); }; \
  record[s] = to

/* TRE: the old MCIM, from whole over a durable discard record to nothing. */
#define WHOLE 0
#define RECORDED 1
#define ERASED 2
byte old = WHOLE;
/* Packages are counted from 1 for each serial; 0: none. `pending` is stored, verified and opened. */
byte pending[SERIALS];
byte in_use[SERIALS];
bool early[SERIALS];     /* the delivery was accepted before the PVA's verdict */
byte number;             /* highest instruction number taken */
bool keyless[SERIALS];   /* the token's keys were not pinned before its bootstrap went */

/* Old SHO: its HSS and BSF serve the old subscription. RO: whom discovery names. */
bool served = true;
bool names_old = true;
bool names_new[SERIALS];
/* RO and new SHO: their newest package; new HSS: the package whose subscription it serves. */
byte offering[SERIALS];
byte packed[SERIALS];
byte provisioned[SERIALS];
byte answered[SERIALS];  /* the package whose failure the new SHO has answered: the RO's outbox is done with it */
/* Owner: has the token; ordered with claims that the old SHO never signed. */
bool token[SERIALS];
bool unsigned_order[SERIALS];

/* The world: time and ways. */
bool expired[SERIALS];   /* the token's not-after is over */
bool link = true;        /* the old operator's connectivity, or any other way out, is there */

/* Volatile. */
bool live = true;        /* the machine's Ua session with the old SHO and the RO */
#ifdef WRONG_ACK_BEFORE_COMMIT
bool accepted[SERIALS];  /* the old SHO has answered an unregistration that is not on its disk yet */
#endif

/* Counted for I5. */
byte activations[SERIALS];
byte unregistrations[SERIALS];

/* Faults still to come. */
#ifndef FAILURES
#define FAILURES 0
#endif
#ifndef SWAPS
#define SWAPS 0
#endif
byte failures = FAILURES;   /* activations that fail */
byte swaps = SWAPS;         /* downloads that are not what the token is bound to */

#define NOBODY 0
#define OLD_SHO 1
#define NEW_SHO 2
#define RO 3
#define PVA 4
byte silent = NOBODY;       /* this party never says anything any more */
#define SPEAKS(party) (silent != party)

#define OTHER (1 - s)
#define BEFORE_DISCARD(x) (x == announced || x == attested || x == downloading || x == stored)
#define ENDED(x) (x == returned || x == refused || x == superseded)
#define ACTIVE(x) (x == active_owing_9 || x == active_owing_11 || x == active_owing_13 || x == finished)
#define FAILED(x) (x == failed_owing_9 || x == failed_owing_11 || x == failed_owing_13 || x == failed)
/* The machine can reach others. */
#if SERIALS == 2
#define CONNECTED (link || in_use[0] > 0 || in_use[1] > 0)
#else
#define CONNECTED (link || in_use[0] > 0)
#endif
