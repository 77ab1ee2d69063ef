/* The cluster log's protocol in small: two HSMs, two changes whose client repeats them at either HSM, and a store that takes
 * offers late, in any order, and whose answers may be lost. HSMs die and come back with what is on their disk.
 *
 * Checked, in every state that can be reached:
 *   no loss         what a client was told is done stands in the log, and on the disk of the HSM that said so
 *   no divergence   what an HSM has applied is what the log has at that number
 *   one effect      a change stands in the log once, however often it was asked for
 *
 * How it is in the code: src/hsm/replica/core_append.cpp (TakeOffer, Settle), core_catch_up.cpp; docs/formats.md section 9. Not in
 * the model: sealing (a record that another wrote cannot be forged), epochs, the ten minutes after which a change is forgotten.
 *
 * Each -DMUTANT_* leaves one rule out and has to be found out: tests/model/check.py runs them all.
 */
#define HSMS 2
#define CHANGES 2
#define LENGTH 3   /* of the log; number 0 is not used */
#define ASKS 2     /* how often a client asks for one change */
#define DEATHS 1   /* of HSMs, in all */

#define NONE 0
#define Record(hsm, change) (1 + (hsm) * CHANGES + (change))
#define ChangeOf(record) (((record) - 1) % CHANGES)

byte store_log[LENGTH + 1];               /* NONE: nothing at that number */

/* On each HSM's disk. */
typedef Disk {
  byte log[LENGTH + 1];
  byte head;                              /* applied up to here */
  byte written                            /* at head + 1, not known to be in the store; NONE: nothing */
};
Disk disk[HSMS];

chan offers[HSMS] = [2] of { byte, byte };   /* number, record: on the way to the store */
chan asked[HSMS] = [1] of { byte };          /* change */
chan answered[CHANGES] = [1] of { byte };    /* by which HSM */

bool told[CHANGES];
byte told_by[CHANGES];
byte deaths;

inline Seen(h, change, result) {
  result = false;
  for (at : 1 .. LENGTH) {
    if
    :: at <= disk[h].head && ChangeOf(disk[h].log[at]) == change && disk[h].log[at] != NONE -> result = true
    :: else
    fi
  }
  at = 0
}

inline Apply(h, record) {
  disk[h].log[disk[h].head + 1] = record;
  disk[h].head++;
  disk[h].written = NONE
}

/* An answer that nobody waits for, or for which a place is taken, is dropped: as on a connection that has ended. */
inline Answer(h, change) {
  if
  :: nfull(answered[change]) -> answered[change]!h
  :: full(answered[change])
  fi
}

inline Take() {
  if
  :: store_log[number] == NONE -> store_log[number] = record
  :: else                       /* taken: the offer has no effect */
  fi;
  number = 0; record = NONE
}

proctype Store() {
  byte number, record;
end:
  do
  :: atomic { offers[0]?number, record -> Take() }
  :: atomic { offers[1]?number, record -> Take() }
  od
}
proctype Hsm(byte h) {
  byte change, at;
  bool waits, seen;             /* a client waits for `change`; lost when the HSM dies */
end:
  do
  /* A request. */
  :: atomic { disk[h].written == NONE && !waits && nempty(asked[h]) ->
       asked[h]?change; waits = true }

  /* It is new: onto the disk. Or it was done before: the remembered answer. */
  :: atomic { waits && disk[h].written == NONE && disk[h].head < LENGTH ->
       Seen(h, change, seen);
#ifdef MUTANT_NO_MEMORY
       seen = false;
#endif
       if
       :: seen -> Answer(h, change); waits = false; change = 0
       :: else ->
          disk[h].written = Record(h, change);
#ifdef MUTANT_ANSWER_BEFORE_STORE
          Answer(h, change); waits = false; change = 0
#endif
       fi; seen = false }

  /* Offered, as often as need be; always the same bytes. */
  :: atomic { disk[h].written != NONE && nfull(offers[h]) ->
       offers[h]!(disk[h].head + 1), disk[h].written }

  /* Settled by what stands at that number. */
  :: atomic { disk[h].written != NONE && store_log[disk[h].head + 1] == disk[h].written ->
       at = ChangeOf(disk[h].written);
       Apply(h, store_log[disk[h].head + 1]);
       if
       :: waits && at == change -> Answer(h, change); waits = false; change = 0
       :: else
       fi; at = 0 }
  :: atomic { disk[h].written != NONE && store_log[disk[h].head + 1] != NONE &&
              store_log[disk[h].head + 1] != disk[h].written ->
#ifdef MUTANT_KEEP_THE_LOSER
       Apply(h, disk[h].written) }
#else
       Apply(h, store_log[disk[h].head + 1]) }   /* lost the race; what waits is looked at anew */
#endif
#ifdef MUTANT_NOTHING_THERE_IS_REFUSED
  /* Takes "nothing there" for "will never be there": says that the change failed, and forgets it. */
  :: atomic { disk[h].written != NONE && store_log[disk[h].head + 1] == NONE ->
       disk[h].written = NONE; waits = false;
       disk[h].head++; disk[h].log[disk[h].head] = NONE }
#endif

  /* Catches up with the others. */
  :: atomic { disk[h].written == NONE && disk[h].head < LENGTH && store_log[disk[h].head + 1] != NONE ->
       Apply(h, store_log[disk[h].head + 1]) }

  /* Dies and comes back: what was in memory is gone, and so are the requests on its connections. */
  :: atomic { deaths < DEATHS ->
       deaths++; waits = false; change = 0;
       do
       :: len(asked[h]) > 0 -> asked[h]?at
       :: len(asked[h]) == 0 -> break
       od;
       at = 0;
#ifdef MUTANT_DISK_FORGETS
       disk[h].written = NONE; disk[h].log[disk[h].head] = NONE;
       if
       :: disk[h].head > 0 -> disk[h].head--
       :: else
       fi
#endif
     }
  od
}

proctype Client(byte change) {
  byte asks, by;
end:
  do
  :: atomic { !told[change] && asks < ASKS && nfull(asked[0]) -> asked[0]!change; asks++ }
  :: atomic { !told[change] && asks < ASKS && nfull(asked[1]) -> asked[1]!change; asks++ }
  :: atomic { answered[change]?by ->
       if
       :: !told[change] -> told[change] = true; told_by[change] = by
       :: else
       fi; by = 0 }
  od
}

/* Looks at any time. */
proctype Observer() {
  byte at, n, h, c;
end:
  atomic {
    for (c : 0 .. CHANGES - 1) {
      n = 0;
      for (at : 1 .. LENGTH) {
        if
        :: store_log[at] != NONE && ChangeOf(store_log[at]) == c -> n++
        :: else
        fi
      }
      assert(n <= 1);                      /* one effect */
      assert(!told[c] || n == 1);          /* no loss */
      if
      :: told[c] ->
         n = 0;
         for (at : 1 .. LENGTH) {
           if
           :: disk[told_by[c]].log[at] != NONE && ChangeOf(disk[told_by[c]].log[at]) == c -> n++
           :: else
           fi
         }
         assert(n == 1)                    /* no loss, where it was promised */
      :: else
      fi
    }
    for (h : 0 .. HSMS - 1) {
      for (at : 1 .. LENGTH) {
        if
        :: at <= disk[h].head -> assert(disk[h].log[at] == store_log[at])   /* no divergence */
        :: else
        fi
      }
    }
  }
}

init {
  atomic {
    run Store(); run Hsm(0); run Hsm(1); run Client(0); run Client(1); run Observer()
  }
}
