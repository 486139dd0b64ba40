/* One data set: two clients upload, two start trainings, two workers and a sweeper carry them out.
 *
 * Each `atomic` block is one step: other processes may do anything before and after it, nothing within.
 * The comment above a step names the functions that take it; a test looks them up. README.md explains what
 * is checked, and within which bounds. */

#define DATABASE 0    /* memory and local: each call of a port is one transaction */
#define TRANSACTION 1 /* gcp: a receipt is added in a transaction that reads the data set and its gate */
#define VERIFIED 2    /* gcp: a receipt is added by a commit that verifies that the data set is as it was seen */

#ifndef LEDGER
#define LEDGER VERIFIED
#endif
#ifndef RUNS
#define RUNS 1 /* 2: the two starts may also ask for different runs, one after the other */
#endif
#ifndef FAULTS
#define FAULTS 1 /* how many things go wrong, anywhere */
#endif
#ifndef CANCEL
#define CANCEL 0 /* 1: the owner cancels the first run */
#endif
#ifndef WITHOUT
#define WITHOUT 0 /* a negative control: the part of the protocol that is missing */
#endif
#define FENCE 1
#define GATE 2
#define RECEIPT_CHECK 3
#define REPLAY 4
#define MANIFEST 5
#define SWEEPER 6
#define CANCELLING 7

#define ALL 2 /* rows of a batch, appended one by one */
#define MAX_ATTEMPTS 2
#define OPEN 0     /* the gate; otherwise it holds the mark of the start that closed it: its process, or */
#define EARLIER 99 /* an earlier call of the same process */

mtype { NONE, CREATED, UPLOADING, TRAINING, TRAINED, FAILED, QUEUED, RUNNING, SUCCEEDED }

/* Versions and update times are only ever compared with the ones a process has seen. So each is kept as a set of
 * processes: those that have seen the one stored now. A change empties the set. */
mtype state = CREATED;
byte gate = OPEN;
short version_seen, document_seen;

byte rows[4];         /* by batch: 0 and 1 are tries of the first client, 2 and 3 of the second */
bool receipt[4];      /* by batch */
bit second_key;       /* the second client's Idempotency-Key: 0, the same as the first one's, or 1 */
bool acknowledged[2]; /* by key */

typedef Run {
    mtype state = NONE;
    byte entries;  /* batches that the start counted */
    byte holder;   /* the worker that claimed it last: stands for the fence, which no two claims share */
    byte attempts;
    short seen;
    bool cancel;   /* it is to end without a result */
    bool lease_over, outbox, queued, dead; /* the last three: where its message is */
    bool given_up, result
}
Run runs[2];

byte faults = FAULTS;
bool first_worker_is_idle = true;
bool cancelled; /* the owner was told so */

#define me (1 << _pid)
#define seen_version (version_seen & me)
#define seen_document (document_seen & me)
#define seen_run (runs[r].seen & me)
#define key_of(batch) (batch < 2 -> 0 : second_key)
#define in(batch, k) (receipt[batch] && key_of(batch) == k)
#define batches(k) (in(0, k) + in(1, k) + in(2, k) + in(3, k))
#define known(k) (batches(k) > 0 && WITHOUT != REPLAY)
#define all_batches (receipt[0] + receipt[1] + receipt[2] + receipt[3])
#define trainable (loaded == UPLOADING || loaded == TRAINED || loaded == FAILED)
#define finished(r) (runs[r].state == SUCCEEDED || runs[r].state == FAILED)
#define under_way(r) (runs[r].state != NONE && !finished(r))
#define leased(r) (runs[r].state == RUNNING && !runs[r].lease_over)
#define fault(where) :: faults > 0 -> faults--; goto where
#define all_is_well :: skip

inline load() { loaded = state; version_seen = version_seen | me }
inline look() { document_seen = document_seen | me }
inline look_if_it_takes_entries() { if :: state == UPLOADING && gate == OPEN -> look() :: else fi }
inline forget() { loaded = 0; version_seen = version_seen & ~me; document_seen = document_seen & ~me }
inline change(next) { state = next; gate = OPEN; version_seen = 0; document_seen = 0 }
inline open_gate() { gate = OPEN; document_seen = 0 }
inline load_run() { runs[r].seen = runs[r].seen | me }
inline change_run(next) { runs[r].state = next; runs[r].seen = 0 }
inline end_run(next) { change_run(next); runs[r].entries = 0; runs[r].holder = 0; runs[r].lease_over = false }

/* usecases.training.run_training.training_set:CheckedTrainingSet.count, usecases.training.run_training.training_set:CheckedTrainingSet.rows */
#define in_set(batch) (WITHOUT == MANIFEST -> rows[batch] > 0 : receipt[batch])
#define whole(batch) (!in_set(batch) || rows[batch] == ALL)
inline check_training_set() {
    assert(in_set(0) + in_set(1) + in_set(2) + in_set(3) == runs[r].entries); /* the set is what was counted */
    assert(whole(0) && whole(1) && whole(2) && whole(3));                     /* no batch in part */
    assert(batches(0) <= 1 && batches(1) <= 1);                               /* no batch twice */
    assert(batches(0) >= acknowledged[0] && batches(1) >= acknowledged[1])    /* no acknowledged batch missing */
}

/* usecases.append:AppendEntries.__call__, for a client that repeats the call once if there is no answer. */
proctype uploader(byte batch; bit key) {
    mtype loaded;

request: /* adapters.gcp.datasets:FirestoreDatasetRepository.recent,
          * adapters.local.datasets:SqliteDatasetRepository.recent, domain.datasets:Dataset.next_state,
          * adapters.gcp.entries:BigQueryEntryStore.append, adapters.local.entries:SqliteEntryStore.append */
    atomic {
        if :: batch == 0 -> run uploader(2, second_key) :: else fi;
        load(); look_if_it_takes_entries();
        if :: known(key) -> goto answer :: else fi;
        if :: loaded == CREATED || loaded == UPLOADING :: else -> goto refused fi;
        rows[batch] = 1; if all_is_well fault(no_answer) fi;
        rows[batch] = ALL; if all_is_well fault(no_answer) fi;
commit: if :: loaded == UPLOADING -> goto add :: loaded == CREATED :: else -> goto refused fi
    }
    /* usecases.append:AppendEntries._opened, adapters.gcp.datasets:FirestoreDatasetRepository.save,
     * adapters.local.datasets:SqliteDatasetRepository.save */
    atomic {
        if :: seen_version :: else -> goto conflict fi;
        change(UPLOADING); load();
        if all_is_well fault(no_answer) fi;
add:    if :: LEDGER == TRANSACTION -> goto transaction :: else fi
    }
    /* usecases.append:AppendEntries._commit, adapters.local.receipts:SqliteReceiptLedger.add,
     * adapters.gcp.receipts:FirestoreReceiptLedger._add_if_unchanged */
    atomic {
        if
        :: known(key) -> goto answer
        :: else -> if
            :: WITHOUT == RECEIPT_CHECK || (LEDGER == DATABASE -> seen_version : seen_document) -> goto stored
            :: else -> if :: LEDGER == DATABASE -> goto conflict :: else fi
            fi
        fi
    }
transaction: /* adapters.gcp.firestore.database:FirestoreDatabase.transaction,
              * adapters.gcp.firestore.gate:check_open (a closed gate may count as left behind at any time) */
    atomic { if :: seen_version || WITHOUT == RECEIPT_CHECK -> look() :: else -> goto conflict fi }
    /* adapters.gcp.receipts:FirestoreReceiptLedger._add_if_at_version */
    atomic {
        if :: seen_document || WITHOUT == RECEIPT_CHECK :: else -> goto transaction fi;
        if :: known(key) -> goto answer :: else fi;
        if :: gate != OPEN -> open_gate() :: else fi;
stored: receipt[batch] = true;
        if all_is_well fault(no_answer) :: LEDGER != DATABASE && faults > 0 -> faults--; goto transaction fi;
answer: if all_is_well fault(no_answer) fi;
        acknowledged[key] = true; goto done;
conflict: /* usecases.append:AppendEntries._commit, adapters.gcp.receipts:FirestoreReceiptLedger.find,
           * adapters.local.receipts:SqliteReceiptLedger.find */
        forget(); load(); look_if_it_takes_entries();
        if :: known(key) -> goto answer :: else -> goto commit fi;
refused:
        assert(batches(key) == 0 || WITHOUT == REPLAY); goto done; /* nothing of a refused upload is in */
no_answer:
        forget();
        if :: batch == 0 || batch == 2 -> batch++; goto request :: else fi;
done:   forget(); batch = 0
    }
}

/* usecases.training.start_training:StartTraining.__call__, for a client with an Idempotency-Key that does the same. */
proctype starter(byte r; bool first) {
    mtype loaded;
    byte tries, entries;
    bool closed_it;

request: /* usecases.training.start_training:StartTraining._current, adapters.gcp.runs:FirestoreRunRepository.start */
    atomic {
        if
        :: first -> first = false; if :: run starter(0, false) :: RUNS > 1 -> run starter(1, false) fi
        :: else
        fi;
        if :: tries < 2 -> tries++ :: else -> goto done fi;
        if :: gate == _pid -> gate = EARLIER :: else fi;
again:  forget(); load(); look(); closed_it = (gate == _pid);
        if :: runs[r].state != NONE || all_batches == 0 || !trainable -> goto done :: else fi
    }
    /* adapters.local.runs:SqliteRunRepository.start, domain.runs:start_training,
     * adapters.gcp.firestore.gate:closed, adapters.gcp.firestore.database:FirestoreDatabase.totals */
    atomic {
        if
        :: LEDGER == DATABASE -> if :: seen_version :: else -> goto again fi; entries = all_batches; goto start
        :: LEDGER != DATABASE && WITHOUT != GATE -> if :: seen_document :: else -> goto again fi;
            if
            :: closed_it
            :: else -> gate = _pid; document_seen = me; if all_is_well fault(request) fault(again) fi
            fi
        :: LEDGER != DATABASE && WITHOUT == GATE
        fi;
        closed_it = false; entries = all_batches;
        if
        all_is_well
        :: faults > 0 -> faults--; if :: seen_document && gate == _pid -> open_gate() :: else fi; goto request
        fi
    }
    /* adapters.gcp.runs:FirestoreRunRepository.start */
    atomic {
        if :: seen_document :: else -> goto again fi;
start:  assert(!under_way(0) && !under_way(1)); /* one run at a time */
        change(TRAINING); change_run(QUEUED);
        runs[r].entries = entries; entries = 0; runs[r].outbox = true;
        if all_is_well fault(request) :: LEDGER != DATABASE && faults > 0 -> faults--; goto again fi;
        forget()
    }
    /* usecases.training.start_training:StartTraining._publish, adapters.gcp.runs:FirestoreRunRepository.published,
     * adapters.local.runs:SqliteRunRepository.published */
    atomic {
        if all_is_well fault(done) fi;
        runs[r].queued = true; if all_is_well fault(request) fi;
        runs[r].outbox = false; if all_is_well fault(request) fi;
done:   forget(); tries = 0; entries = 0; closed_it = false
    }
}

/* Idle workers are all the same, so the first of them takes the message. */
#define to_do(r) (runs[r].queued && !leased(r) && (first || !first_worker_is_idle))

/* entrypoints.worker.worker:Worker.run */
proctype worker(bool first) {
    byte r;

idle: /* usecases.training.run_training.use_case:RunTraining._carry_out, adapters.gcp.queue:PubSubTrainingQueue.receive,
       * adapters.local.queue:SqliteTrainingQueue.receive */
end:
    atomic {
        if :: to_do(0) -> r = 0 :: to_do(1) -> r = 1 fi;
        if :: finished(r) -> goto acknowledge :: else -> load_run() fi;
        if :: first -> first_worker_is_idle = false :: else fi
    }
    /* domain.runs:Run.claimed, adapters.gcp.runs:FirestoreRunRepository.save,
     * adapters.local.runs:SqliteRunRepository.save, usecases.training.run_training.execute_task:ExecuteTask._training_set */
    atomic {
        if :: seen_run :: else -> goto gone fi;
        if :: runs[r].cancel || runs[r].attempts >= MAX_ATTEMPTS -> goto fail :: else fi;
        change_run(RUNNING); load_run();
        runs[r].holder = _pid; runs[r].attempts++; runs[r].lease_over = false;
        check_training_set();
        if
        :: goto store
        :: faults > 0 -> faults--; runs[r].lease_over = true; goto gone /* it crashes */
        :: faults > 0 -> faults--; runs[r].lease_over = true            /* it stands still past its lease */
        fi
    }
    /* usecases.training.run_training.lease:Lease.renew (it may also end its task first) */
    atomic { if :: seen_run -> change_run(RUNNING); load_run(); runs[r].lease_over = false :: true fi }
store: /* usecases.training.run_training.lease:Lease.save, usecases.training.run_training.use_case:RunTraining._end,
        * adapters.gcp.runs:FirestoreRunRepository.finish, adapters.local.runs:SqliteRunRepository.finish */
    atomic {
        if
        :: seen_run || WITHOUT == FENCE
        :: else -> if :: runs[r].holder == _pid && runs[r].state == RUNNING -> load_run()
                      :: else -> goto acknowledge fi
        fi;
        if :: runs[r].cancel && WITHOUT != CANCELLING -> goto fail :: else fi;
        if
        :: faults > 0 -> faults--; /* usecases.training.run_training.use_case:RunTraining._try_again */
            if :: runs[r].attempts < MAX_ATTEMPTS -> change_run(QUEUED); goto gone :: else -> goto fail fi
        :: faults > 0 -> faults--; /* usecases.training.run_training.use_case:RunTraining._hand_back */
            runs[r].attempts--; change_run(QUEUED); goto gone
        :: true ->                 /* usecases.training.run_training.use_case:RunTraining._conclude */
            assert(!runs[r].result);        /* one result per run */
            assert(!cancelled);             /* no result of a cancelled run */
            assert(runs[r].holder == _pid); /* the result of the worker that holds the run */
            check_training_set();
            runs[r].result = true; end_run(SUCCEEDED); change(TRAINED)
        fi;
ended:  if all_is_well fault(gone) fault(store) fi;
        /* usecases.training.run_training.use_case:RunTraining._remove_orphans */
        rows[0] = (receipt[0] -> rows[0] : 0); rows[1] = (receipt[1] -> rows[1] : 0);
        rows[2] = (receipt[2] -> rows[2] : 0); rows[3] = (receipt[3] -> rows[3] : 0);
acknowledge: /* entrypoints.worker.worker:settle */
        if all_is_well :: faults > 0 && !finished(r) -> faults--; goto gone fi;
        runs[r].queued = false;
gone:   runs[r].seen = runs[r].seen & ~me; r = 0;
        if :: first -> first_worker_is_idle = true :: else fi;
        goto idle;
fail: /* usecases.training.run_training.failing:end_run, usecases.training.run_training.use_case:RunTraining._fail */
        end_run(FAILED); change(FAILED); goto ended
    }
}

#define message_is_lost(r) (runs[r].state == QUEUED && !runs[r].outbox && !runs[r].queued && !runs[r].dead)
#define overdue(r) (message_is_lost(r) || (runs[r].state == RUNNING && runs[r].lease_over))
#define disturbed(r) (faults > 0 && (runs[r].state == QUEUED || (runs[r].queued && !finished(r))))
#define over(r) (runs[r].cancel || (letter -> runs[r].attempts > 0 : runs[r].attempts >= MAX_ATTEMPTS))
#define to_sweep(r) (runs[r].outbox || runs[r].dead || overdue(r) || disturbed(r))

/* entrypoints.worker.worker:Worker.sweep_once */
proctype sweeper() {
    byte r;
    bool letter;

idle: /* usecases.lifecycle.sweep:Sweep.__call__, adapters.gcp.runs:FirestoreRunRepository.outbox,
       * adapters.local.runs:SqliteRunRepository.outbox, adapters.gcp.runs:FirestoreRunRepository.due,
       * adapters.local.runs:SqliteRunRepository.due, adapters.gcp.queue:PubSubTrainingQueue.receive_dead,
       * adapters.local.queue:SqliteTrainingQueue.receive_dead */
end:
    atomic {
        if :: to_sweep(0) -> r = 0 :: to_sweep(1) -> r = 1 fi;
        if
        :: runs[r].outbox ->
            runs[r].queued = true; if all_is_well fault(gone) fi; runs[r].outbox = false; goto gone
        :: overdue(r)
        :: faults > 0 && runs[r].state == QUEUED -> faults-- /* its message takes longer than the patience */
        :: faults > 0 && runs[r].queued && !finished(r) ->   /* the queue gives its message up */
            faults--; runs[r].queued = false; runs[r].dead = true; goto gone
        :: runs[r].dead && (finished(r) || leased(r)) -> runs[r].dead = false; goto gone
        :: runs[r].dead && !finished(r) && !leased(r) -> letter = true
        fi;
        load_run()
    }
    /* usecases.lifecycle.sweep:Sweep._republish, usecases.lifecycle.sweep:FailDeadLetter.__call__, usecases.training.run_training.failing:end_run */
    atomic {
        if
        :: seen_run && over(r) ->
            end_run(FAILED); change(FAILED); runs[r].given_up = letter
        :: seen_run && !over(r) ->
            runs[r].attempts = runs[r].attempts + letter; change_run(QUEUED);
            if all_is_well fault(gone) fi;
            runs[r].queued = true
        :: else -> goto gone
        fi;
        if all_is_well fault(gone) fi;
        runs[r].dead = runs[r].dead && !letter;
gone:   runs[r].seen = runs[r].seen & ~me; r = 0; letter = false; goto idle
    }
}

/* For an owner who repeats the call once if there is no answer. */
proctype canceller() {
    byte r;
    bool again;

request: /* usecases.training.cancel_training:CancelTraining.__call__ */
end:
    atomic {
        runs[r].state != NONE;
        load_run();
        if
        :: runs[r].cancel && (finished(r) || leased(r)) -> goto answer
        :: !runs[r].cancel && finished(r) -> goto done
        :: else
        fi
    }
    /* usecases.training.cancel_training:CancelTraining._cancel, usecases.training.cancel_training:CancelTraining._end,
     * usecases.training.run_training.failing:end_run */
    atomic {
        if :: seen_run :: else -> goto request fi;
        runs[r].cancel = true;
        if :: leased(r) -> change_run(RUNNING) :: else -> end_run(FAILED); change(FAILED) fi;
answer: if all_is_well :: faults > 0 && !again -> faults--; again = true; goto request fi;
        cancelled = true;
done:   runs[r].seen = runs[r].seen & ~me; again = false
    }
}

#define given_up_with_reason(r) (runs[r].given_up || runs[r].cancel || runs[r].attempts >= MAX_ATTEMPTS)
#define ended(r) (runs[r].state == SUCCEEDED || (runs[r].state == FAILED && given_up_with_reason(r)))
#define lost(r) (runs[r].state != NONE && !ended(r))

init {
    atomic {
        if :: second_key = 0 :: second_key = 1 fi;
        run worker(true); run worker(false);
        if :: WITHOUT == SWEEPER :: else -> run sweeper() fi;
        if :: CANCEL -> run canceller() :: else fi;
        run uploader(0, 0); run starter(0, true)
    }
end:
    atomic {
        timeout -> /* nothing is left to do for anybody */
        assert(!lost(0) && !lost(1)); /* no run is lost */
        assert(state != TRAINING)     /* no data set is left in training */
    }
}

ltl a_run_ends { [] (runs[0].state == QUEUED -> <> ended(0)) }
