/* The rows: what the store keeps. A transaction is one `atomic`; the row is the truth. */

#ifndef UNITS
#define UNITS    2
#endif
#define ALL      ((1 << UNITS) - 1) /* the set of all units: bit u is unit u */
#define RIVALS   2                  /* third parties: places 0 and 1 */
#define HOLDER   2                  /* the holder's place */
#ifndef OFFERS
#define OFFERS   2                  /* offers that may ever be put */
#endif
#define DEALS    4                  /* commitments at one time */
#ifndef MACHINES
#define MACHINES 3                  /* machines at one time; a name that is over makes room */
#endif
#define STANDING (2 * OFFERS)       /* the release on standing refusals */
#define RELEASES (STANDING + 1)     /* offer o: 2o is its refusal's or lapse's, 2o+1 its default's */
#define NONE     15

#if UNITS == 2
#define stands_under(r) (unit[0].release == r || unit[1].release == r)
#else
#define stands_under(r) (unit[0].release == r)
#endif
#define HAS(set, u) (((set) >> (u)) & 1)
#define ONLY(u)     (1 << (u))

mtype = { PENDING, OFFERED, ACCEPTED, RELEASED, COMMITTED, ACTIVE, DONE, CANCELLED,
          UNPUT, SENT, OPEN, REFUSED, LAPSED, WITHDRAWN, FULFILLED, DEFAULTED,
          FREE, MADE, LIVE, FAILED, ENDED,
          WANTED, ASKED, RUNNING, ENDING, GONE,
          IDLE, CLAIMED, TOLD, LAUNCH, POLL, END, UNSURE };

typedef Unit    { mtype state = PENDING; byte offer = NONE; byte release = NONE; byte deal = NONE }
typedef Offer   { mtype state = UNPUT; byte units; byte accepted; bit terms;
                  byte wall; byte fair; bit hit; bit asked; bit no; bit cured }
typedef Release { bit over }
typedef Deal    { mtype state = FREE; byte units; byte place; byte offer = NONE; byte release = NONE }
typedef Machine { mtype state = GONE; byte deal = NONE; byte offer = NONE; byte unit;
                  bit tried; bit leased; bit due;
                  bit up; bit making; bit runs }    /* the last three are the cloud's own truth */

Unit    unit[UNITS];
Offer   offer[OFFERS];
Release release[RELEASES];
Deal    deal[DEALS];
#ifdef CLOUDS
Machine machine[MACHINES];
#endif

byte offers_put;                    /* the next offer's number */
bit  job_terms;                     /* what the job asks for: 0 is (2, 1), 1 is (2, 2) */
bit  job_over;
bit  trouble;                       /* our own fault holds the job up */
bit  holder_no;                     /* a refusal of the holder's place stands */
bit  out;                           /* nobody can reach the broker */
byte outages, requotes;

byte u, u2, o2, d2, m2, n, some, got, free_m;   /* scratch of one atomic step */

#define undecided(o)  (offer[o].state == SENT || offer[o].state == OPEN)
#define over(m)       (machine[m].state == REFUSED || machine[m].state == GONE)
#define counts(m)     (machine[m].state == WANTED || machine[m].state == ASKED || machine[m].state == RUNNING)

/* The legal moves of a unit: job.py, UNIT_MOVES. Any other raises IllegalMoveError there. */
#define final(s)      (s == CANCELLED)
#define legal(a, b)   ((a == PENDING   && (b == OFFERED || b == RELEASED || b == COMMITTED || final(b))) \
                    || (a == OFFERED   && (b == ACCEPTED || b == RELEASED || b == PENDING || final(b))) \
                    || (a == ACCEPTED  && (b == ACTIVE || b == RELEASED || final(b))) \
                    || (a == RELEASED  && (b == COMMITTED || b == PENDING || final(b))) \
                    || (a == COMMITTED && (b == ACTIVE || b == RELEASED || b == PENDING || final(b))) \
                    || (a == ACTIVE    && (b == DONE || b == PENDING || final(b))))

inline move(x, to) {
  assert(I1 || legal(unit[x].state, to));
  unit[x].state = to
}
