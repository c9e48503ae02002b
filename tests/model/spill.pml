/* Releases and commitments: release.py, spill.py, and the part of placement.py that uses them. */

inline give_release(r, set) {
  law_release(r, set);
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(set, u) ->
       move(u, RELEASED);
       unit[u].offer = NONE; unit[u].release = r; unit[u].deal = NONE
    :: else
    fi
  }
}

inline want_machine(d, o, x) {
#ifdef CLOUDS
  free_machine();
  assert(free_m < MACHINES);
  machine[free_m].state = WANTED;
  machine[free_m].deal = d; machine[free_m].offer = o;
  machine[free_m].unit = x
#else
  skip
#endif
}

inline make_deal(set, p, o, r) {
  d2 = 0;
  do :: d2 < DEALS && deal[d2].state != FREE -> d2++ :: else -> break od;
  assert(d2 < DEALS);
  deal[d2].state = MADE; deal[d2].units = set; deal[d2].place = p;
  deal[d2].offer = o; deal[d2].release = r;
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(set, u) -> unit[u].deal = d2; if :: o == NONE -> move(u, COMMITTED) :: else fi
    :: else
    fi
  }
}

inline want_machines(d, set) {
  for (u : 0 .. UNITS - 1) { if :: HAS(set, u) -> want_machine(d, NONE, u) :: else fi }
}

/* T1, T19. */
inline commit_third_party(set, p, r) {
  law_commit(set, p, r);
  make_deal(set, p, NONE, r);
#ifndef AUTOMATIC
  want_machines(d2, set)
#endif
}

inline free_deal(d) {
  deal[d].state = FREE; deal[d].units = 0; deal[d].place = 0;
  deal[d].offer = NONE; deal[d].release = NONE
}

inline let_machines_go(d) {
#ifdef CLOUDS
  for (m2 : 0 .. MACHINES - 1) {
    if :: machine[m2].deal == d -> give_back(m2); machine[m2].deal = NONE :: else fi
  }
#else
  skip
#endif
}

/* T22: the units go back to where the commitment found them. */
inline fail_commitment(d) {
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(deal[d].units, u) -> move(u, RELEASED); unit[u].deal = NONE
    :: else
    fi
  }
  let_machines_go(d);
  free_deal(d)
}

inline drop_commitments(set) {
  for (n : 0 .. DEALS - 1) {
    if
    :: deal[n].state == MADE && (deal[n].units & set) -> let_machines_go(n); free_deal(n)
    :: else
    fi
  }
}

/* T16, T23: all of a commitment is there; each unit gets its lease and its next epoch. */
inline activate(d) {
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(deal[d].units, u) ->
#ifdef CLOUDS
       for (m2 : 0 .. MACHINES - 1) {
         assert(I5 || !(machine[m2].unit == u && machine[m2].leased && !over(m2)));
         assert(I5 || !(machine[m2].unit == u && machine[m2].runs));
         if
         :: machine[m2].deal == d && machine[m2].unit == u && machine[m2].state == RUNNING ->
            machine[m2].leased = 1; machine[m2].offer = NONE
         :: else
         fi
       }
#endif
       move(u, ACTIVE);
       unit[u].release = NONE; barred[u] = 0;
       excused = excused & (ALL ^ ONLY(u))
    :: else
    fi
  }
  deal[d].state = LIVE;
  if
  :: deal[d].offer != NONE -> o3 = deal[d].offer; fulfil_if_delivered(o3)
  :: else
  fi
}

/* The units that wait under release r; a gang is committed whole. */
inline released_under(r, set) {
  set = 0;
  for (u : 0 .. UNITS - 1) {
    if :: unit[u].release == r && unit[u].state == RELEASED -> set = set | ONLY(u) :: else fi
  }
}

inline expire_release(r) {
  for (u : 0 .. UNITS - 1) {
    if
    :: unit[u].release == r && unit[u].state == RELEASED ->
       move(u, PENDING); unit[u].release = NONE; barred[u] = 0;
       excused = excused & (ALL ^ ONLY(u))
    :: else
    fi
  }
}
