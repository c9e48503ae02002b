/* The automatic desk: desk.py. The holder's cloud is asked for a machine for each unit of the offer;
   a machine that is there is the hold. */

#ifdef GANG
#define WHOLE(set, o) (set == offer[o].units)
#else
#define WHOLE(set, o) true
#endif

inline holds_of(o) {                /* got: units with a hold, some: units whose machine is there */
  got = 0; some = 0;
  for (m2 : 0 .. MACHINES - 1) {
    if
    :: machine[m2].offer == o && machine[m2].deal == NONE && counts(m2) ->
       got = got | ONLY(machine[m2].unit);
       if :: machine[m2].state == RUNNING -> some = some | ONLY(machine[m2].unit) :: else fi
    :: else
    fi
  }
}

inline give_holds_back(o) {
  for (m2 : 0 .. MACHINES - 1) {
    if :: machine[m2].offer == o && machine[m2].deal == NONE -> give_back(m2) :: else fi
  }
}

inline accept_holds(o) {            /* `held` is what is there */
  law_answered(o);
  accept(o, held);
#ifdef GANG
  make_deal(held, HOLDER, o, NONE);
  for (m2 : 0 .. MACHINES - 1) {
    if
    :: machine[m2].offer == o && machine[m2].state == RUNNING -> machine[m2].deal = d2
    :: else
    fi
  }
  activate(d2)
#else
  for (u2 : 0 .. UNITS - 1) {
    if
    :: HAS(held, u2) ->
       make_deal(ONLY(u2), HOLDER, o, NONE);
       for (m2 : 0 .. MACHINES - 1) {
         if
         :: machine[m2].offer == o && machine[m2].unit == u2 && machine[m2].state == RUNNING ->
            machine[m2].deal = d2
         :: else
         fi
       }
    :: else
    fi
  }
  for (d3 : 0 .. DEALS - 1) {
    if :: deal[d3].state == MADE && deal[d3].offer == o -> activate(d3) :: else fi
  }
#endif
}

inline proceed(o) {
  holds_of(o);
#ifdef GANG
  if :: got && got != offer[o].units -> give_holds_back(o); got = 0; some = 0 :: else fi;
#endif
  held = some;
  if
#ifdef FAULT_LATE_HOLD
  :: offer[o].wall >= 2 ->
#else
  :: offer[o].fair >= 3 -> skip                   /* the window is over: put_offers ends the offer */
  :: offer[o].fair == 2 ->                        /* nearly over: take what is there */
#endif
     n = 0;
     for (m2 : 0 .. MACHINES - 1) {
       if
       :: (machine[m2].offer == o && machine[m2].deal == NONE
           && (machine[m2].state == WANTED || machine[m2].state == ASKED)) ->
          if :: machine[m2].state == WANTED && machine[m2].tried -> n++ :: else fi;
          give_back(m2)
       :: else
       fi
     };
     if
     :: n -> trouble = 1                          /* our calls went wrong: that is no answer */
     :: n == 0 && held && WHOLE(held, o) -> accept_holds(o)
     :: else
     fi
  :: else ->
     roomy(n);
     if
     :: got != offer[o].units && !offer[o].asked && !holder_no ->
        if
        :: n >= UNITS ->
           offer[o].asked = 1;
           for (u2 : 0 .. UNITS - 1) {
             if
             :: HAS(offer[o].units, u2) && !HAS(got, u2) -> want_machine(NONE, o, u2)
             :: else
             fi
           }
        :: else
        fi
     :: else ->
        if
        :: some != got -> skip                    /* a hold is still being made */
        :: some == got && held -> accept_holds(o)
        :: some == got && !held ->
           deliver(o);
           assert(OURS || offer[o].no || holder_no);
           refuse(o)
        fi
     fi
  fi
}
