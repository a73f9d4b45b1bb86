use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbb";
const C: &str = "sha256:cccccccccccccccc";

/// So many seconds after the beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn image(digest: &str) -> Image {
    Image {
        digest: digest.to_owned(),
        tag: Some("prod".to_owned()),
    }
}

fn wish(digest: &str, seconds: i64) -> Wish {
    Wish {
        image: image(digest),
        at: at(seconds),
    }
}

/// Release 1 of A, taken up at second 0, in this phase since second 0.
fn releasing(phase: Phase) -> State {
    State {
        sequence: 1,
        newest: Some(wish(A, 0)),
        current: Some(Release {
            sequence: 1,
            image: image(A),
            started: at(0),
            phase,
            since: at(0),
            migrations_applied: None,
        }),
        ..State::default()
    }
}

fn rolling(operation: Option<&str>) -> State {
    let operation = operation.map(str::to_owned);
    releasing(Phase::Rolling { operation })
}

/// The same with B waiting.
fn with_next(mut state: State) -> State {
    state.next = Some(wish(B, 1));
    state.newest = Some(wish(B, 1));
    state
}

fn migrate(digest: &str, readiness: Readiness) -> Observed {
    Observed::Migrate(MigrateFunction {
        digest: Some(digest.to_owned()),
        readiness,
    })
}

fn phase(step: &Step) -> Option<&Phase> {
    step.state.current.as_ref().map(|release| &release.phase)
}

fn ignored(step: &Step) -> Vec<&str> {
    let reason = |note: &'_ Note| matches!(note, Note::Ignored(_));
    let notes = step.notes.iter().filter(|note| reason(note));
    notes
        .map(|note| match note {
            Note::Ignored(why) => why.as_str(),
            _ => "",
        })
        .collect()
}

fn superseded(step: &Step) -> Vec<(&str, &str)> {
    let notes = step.notes.iter();
    notes
        .filter_map(|note| match note {
            Note::Superseded(old, new) => Some((old.digest.as_str(), new.digest.as_str())),
            _ => None,
        })
        .collect()
}

fn look(state: State, observed: Observed, seconds: i64) -> Step {
    step(state, &Event::Look, &observed, at(seconds))
}

fn told(step: &Step) -> Vec<(&str, u64)> {
    let tell = step.tell.iter();
    tell.map(|tell| match tell {
        Tell::Deployed(release) => ("deployed", release.sequence),
        Tell::Failed(release, ..) => ("failed", release.sequence),
        Tell::Paused(release) => ("paused", release.sequence),
    })
    .collect()
}

#[test]
fn a_push_begins_a_release() {
    for event in [Event::Pushed(wish(A, 0)), Event::Asked(wish(A, 0))] {
        let step = step(State::default(), &event, &Observed::Nothing, at(0));
        assert_eq!(
            step.state,
            releasing(Phase::UpdatingMigrate { asked: false })
        );
        assert_eq!(step.then, Then::Look);
        assert!(matches!(step.notes[..], [Note::Begins(_)]));
    }
}

/// What migrate is seen to be, and what follows, before and after it was given the image.
#[test]
fn migrate_gets_the_image_and_is_invoked_when_it_is_active() {
    let update = Then::Order(Order::UpdateMigrate(image(A)));
    let invoke = Then::Order(Order::InvokeMigrate(image(A)));
    let busy = || Readiness::Busy("is Pending".to_owned());
    let failed = || Readiness::Failed("ImageDeleted".to_owned());
    let table = [
        (false, B, Readiness::Ready, update.clone()),
        (false, B, Readiness::Asleep, update.clone()),
        (false, B, failed(), update.clone()),
        (false, A, Readiness::Asleep, update.clone()),
        (false, A, failed(), update),
        (false, B, busy(), Then::Again),
        (false, A, busy(), Then::Again),
        (true, B, busy(), Then::Again),
        (true, A, busy(), Then::Again),
        (true, A, Readiness::Asleep, Then::Again),
        (true, B, Readiness::Ready, Then::Again),
        (false, A, Readiness::Ready, invoke.clone()),
        (true, A, Readiness::Ready, invoke),
    ];
    for (asked, digest, readiness, then) in table {
        let state = releasing(Phase::UpdatingMigrate { asked });
        let seen = format!("{asked} {digest} {readiness:?}");
        let step = look(state.clone(), migrate(digest, readiness), 599);
        assert_eq!(step.then, then, "{seen}");
        assert_eq!(step.state, state, "{seen}");
    }
}

#[test]
fn what_lambda_took_is_remembered() {
    let updating = releasing(Phase::UpdatingMigrate { asked: false });
    let taken = step(updating, &Event::MigrateUpdated, &Observed::Nothing, at(3));
    assert_eq!(
        taken.state,
        releasing(Phase::UpdatingMigrate { asked: true })
    );
    assert_eq!(taken.then, Then::Look);

    let invoked = step(
        taken.state,
        &Event::MigrateInvoked,
        &Observed::Nothing,
        at(9),
    );
    assert_eq!(phase(&invoked), Some(&Phase::Migrating { attempts: 1 }));
    assert_eq!(invoked.state.current.unwrap().since, at(9));
    assert_eq!(invoked.then, Then::Done);
}

#[test]
fn a_migrate_that_does_not_become_active_fails_the_release() {
    let asked = || releasing(Phase::UpdatingMigrate { asked: true });
    let busy = migrate(A, Readiness::Busy("is Pending".to_owned()));
    let failed = migrate(A, Readiness::Failed("ImageDeleted".to_owned()));
    let table = [
        (
            busy,
            600,
            "migrate did not become active within 10 minutes; it is Pending",
        ),
        (failed, 1, "migrate's image can't be changed: ImageDeleted"),
    ];
    for (observed, seconds, reason) in table {
        let step = look(asked(), observed, seconds);
        let failure = step.state.last_failure.clone().unwrap();
        assert_eq!(
            (failure.phase.as_str(), failure.reason.as_str()),
            ("updating-migrate", reason)
        );
        assert_eq!(told(&step), [("failed", 1)]);
        assert_eq!((phase(&step), &step.then), (None, &Then::Done));
    }
}

#[test]
fn a_refused_order_fails_the_release_and_one_at_a_bad_moment_comes_again() {
    let table = [
        (Event::Refused("no".to_owned()), 1, Some("no")),
        (Event::NotNow("wait".to_owned()), 599, None),
        (Event::NotNow("wait".to_owned()), 600, Some("wait")),
    ];
    for phase in [
        Phase::UpdatingMigrate { asked: false },
        Phase::Rolling { operation: None },
    ] {
        for (event, seconds, reason) in table.clone() {
            let step = step(
                releasing(phase.clone()),
                &event,
                &Observed::Nothing,
                at(seconds),
            );
            let failure = step.state.last_failure.as_ref();
            assert_eq!(failure.map(|failure| failure.reason.as_str()), reason);
            assert_eq!(
                step.then,
                if reason.is_none() {
                    Then::Again
                } else {
                    Then::Done
                }
            );
        }
    }
}

fn migrated(digest: &str, result: Result<usize, &str>) -> Event {
    Event::Migrated {
        digest: digest.to_owned(),
        result: result.map_err(str::to_owned),
    }
}

#[test]
fn only_its_own_migration_lets_a_release_go_on() {
    let migrating = || releasing(Phase::Migrating { attempts: 1 });
    let step = step(migrating(), &migrated(A, Ok(3)), &Observed::Nothing, at(60));
    assert_eq!(phase(&step), Some(&Phase::Rolling { operation: None }));
    assert_eq!(
        step.state.current.as_ref().unwrap().migrations_applied,
        Some(3)
    );
    assert_eq!(step.state.current.as_ref().unwrap().since, at(60));
    assert_eq!(step.then, Then::Look);
}

#[test]
fn old_and_foreign_answers_of_migrate_change_nothing() {
    let other = "it is of another release";
    let not_waiting = "this release does not wait for migrate";
    let table = [
        (State::default(), A, "no release is under way", Then::Done),
        (
            releasing(Phase::Migrating { attempts: 1 }),
            B,
            other,
            Then::Done,
        ),
        // A message alone drives these two, so the phase is looked at all the same.
        (
            releasing(Phase::UpdatingMigrate { asked: true }),
            B,
            other,
            Then::Look,
        ),
        (
            releasing(Phase::UpdatingMigrate { asked: true }),
            A,
            not_waiting,
            Then::Look,
        ),
        (rolling(Some("op")), A, not_waiting, Then::Done),
        (
            releasing(Phase::WaitingForResume),
            A,
            not_waiting,
            Then::Done,
        ),
    ];
    for (state, digest, reason, then) in table {
        for result in [Ok(1), Err("broken")] {
            let step = step(
                state.clone(),
                &migrated(digest, result),
                &Observed::Nothing,
                at(9),
            );
            assert_eq!(step.state, state);
            assert_eq!(ignored(&step), [reason]);
            assert_eq!((step.tell, step.then), (vec![], then.clone()));
        }
    }
}

#[test]
fn a_failed_migration_is_told_and_the_next_image_follows() {
    let state = with_next(releasing(Phase::Migrating { attempts: 1 }));
    let step = step(
        state,
        &migrated(A, Err("line 1\nno such column")),
        &Observed::Nothing,
        at(60),
    );
    let Tell::Failed(release, failure, reason) = &step.tell[0] else {
        panic!("{:?}", step.tell);
    };
    assert_eq!(
        (release.sequence, reason.as_str()),
        (1, "line 1\nno such column")
    );
    assert_eq!(
        (failure.phase.as_str(), failure.time),
        ("migrating", at(60))
    );
    assert_eq!(step.state.deployed, None);
    let current = step.state.current.as_ref().unwrap();
    assert_eq!((current.sequence, &current.image), (2, &image(B)));
    assert_eq!(current.phase, Phase::UpdatingMigrate { asked: false });
    assert_eq!(current.started, at(60));
    assert_eq!((step.state.next, step.then), (None, Then::Look));
}

#[test]
fn a_migration_that_never_answers_is_asked_once_more() {
    let invoke = Then::Order(Order::InvokeMigrate(image(A)));
    let migrating = |attempts| releasing(Phase::Migrating { attempts });
    assert_eq!(look(migrating(1), Observed::Nothing, 1199).then, Then::Done);
    assert_eq!(look(migrating(1), Observed::Nothing, 1200).then, invoke);

    let again = step(
        migrating(1),
        &Event::MigrateInvoked,
        &Observed::Nothing,
        at(1200),
    );
    assert_eq!(phase(&again), Some(&Phase::Migrating { attempts: 2 }));
    assert_eq!(
        look(again.state.clone(), Observed::Nothing, 2399).then,
        Then::Done
    );
    let given_up = look(again.state, Observed::Nothing, 2400);
    assert_eq!(told(&given_up), [("failed", 1)]);
}

/// What the service is seen to be before it has the order, and what follows.
#[test]
fn the_service_is_rolled_when_it_takes_an_order() {
    let roll = Then::Order(Order::Roll(image(A)));
    let waiting = [
        rolling(None),
        releasing(Phase::WaitingForResume),
        releasing(Phase::WaitingForService),
    ];
    for state in waiting {
        let step = look(state.clone(), Observed::Service(Service::Ready), 9);
        assert_eq!(phase(&step), Some(&Phase::Rolling { operation: None }));
        assert_eq!(step.then, roll);

        let step = look(
            state,
            Observed::Service(Service::Ordered("op".to_owned())),
            9,
        );
        let operation = Some("op".to_owned());
        assert_eq!(phase(&step), Some(&Phase::Rolling { operation }));
        assert_eq!(step.then, Then::Look);
    }
    let rolled = step(
        rolling(None),
        &Event::Rolled("op".to_owned()),
        &Observed::Nothing,
        at(9),
    );
    assert_eq!(
        (rolled.state, rolled.then),
        (rolling(Some("op")), Then::Done)
    );
}

#[test]
fn a_paused_service_is_reported_once_and_waited_for() {
    let paused = || Observed::Service(Service::Paused);
    let step = look(rolling(None), paused(), 9);
    assert_eq!(phase(&step), Some(&Phase::WaitingForResume));
    assert_eq!(told(&step), [("paused", 1)]);
    assert_eq!(step.then, Then::Done);
    // For as long as it takes.
    let later = look(step.state.clone(), paused(), 1_000_000);
    assert_eq!(
        (later.state, later.tell, later.then),
        (step.state, vec![], Then::Done)
    );
}

#[test]
fn a_busy_service_is_waited_for_within_bounds() {
    let busy = || Observed::Service(Service::Busy);
    let step = look(rolling(None), busy(), 9);
    assert_eq!(phase(&step), Some(&Phase::WaitingForService));
    assert_eq!(step.then, Then::Done);
    assert_eq!(look(step.state.clone(), busy(), 9 + 3599).state, step.state);
    assert_eq!(told(&look(step.state, busy(), 9 + 3600)), [("failed", 1)]);
}

#[test]
fn the_platform_ends_the_story() {
    let progress = |progress| Observed::Service(Service::Order(progress));
    let ended = || Event::ServiceChanged {
        what: "UpdateServiceCompletedSuccessfully".to_owned(),
        at: at(100),
    };
    let succeeded = step(
        rolling(Some("op")),
        &ended(),
        &progress(Progress::Succeeded),
        at(101),
    );
    assert_eq!(told(&succeeded), [("deployed", 1)]);
    assert_eq!(
        succeeded.state.deployed,
        Some(Deployed {
            image: image(A),
            time: at(101)
        })
    );
    assert_eq!((phase(&succeeded), &succeeded.then), (None, &Then::Done));

    let failed = || progress(Progress::Failed("rolled back".to_owned()));
    let failed = step(with_next(rolling(Some("op"))), &ended(), &failed(), at(101));
    assert_eq!(told(&failed), [("failed", 1)]);
    assert_eq!(failed.state.last_failure.unwrap().reason, "rolled back");
    assert_eq!(
        (failed.state.current.unwrap().image, failed.then),
        (image(B), Then::Look)
    );

    let absent = look(rolling(None), Observed::Service(Service::Absent), 9);
    assert_eq!(told(&absent), [("deployed", 1)]);
    let broken = Observed::Service(Service::Broken("DELETED".to_owned()));
    assert_eq!(told(&look(rolling(None), broken, 9)), [("failed", 1)]);
}

#[test]
fn an_event_of_an_operation_that_still_runs_waits_a_minute_and_is_then_ignored() {
    let under_way = || Observed::Service(Service::Order(Progress::UnderWay));
    let ended = Event::ServiceChanged {
        what: "DeploymentCompletedSuccessfully".to_owned(),
        at: at(100),
    };
    let step = |seconds| step(rolling(Some("op")), &ended, &under_way(), at(seconds));
    assert_eq!(step(159).then, Then::Again);
    let late = step(160);
    assert_eq!(
        (ignored(&late), &late.then),
        (vec!["this release's roll goes on"], &Then::Done)
    );
    assert_eq!(late.state, rolling(Some("op")));
    // The schedule's look waits for nothing, but not for ever.
    assert_eq!(
        look(rolling(Some("op")), under_way(), 3599).then,
        Then::Done
    );
    assert_eq!(
        told(&look(rolling(Some("op")), under_way(), 3600)),
        [("failed", 1)]
    );
}

#[test]
fn the_platforms_events_at_other_times_change_nothing() {
    let changed = Event::ServiceChanged {
        what: "ResumeServiceCompletedSuccessfully".to_owned(),
        at: at(9),
    };
    let busy = "this release does not wait for the web service";
    let table = [
        (State::default(), "no release is under way"),
        (releasing(Phase::UpdatingMigrate { asked: true }), busy),
        (releasing(Phase::Migrating { attempts: 1 }), busy),
    ];
    for (state, reason) in table {
        let step = step(state.clone(), &changed, &Observed::Nothing, at(9));
        assert_eq!((&step.state, ignored(&step)), (&state, vec![reason]));
    }
    assert_eq!(
        ignored(&look(State::default(), Observed::Nothing, 9)),
        ["no release is under way"]
    );
}

#[test]
fn a_second_push_waits_and_the_newest_wins() {
    let phases = [
        Phase::UpdatingMigrate { asked: true },
        Phase::Migrating { attempts: 1 },
        Phase::Rolling {
            operation: Some("op".to_owned()),
        },
    ];
    for phase in phases {
        let state = releasing(phase);
        let first = step(
            state.clone(),
            &Event::Pushed(wish(B, 1)),
            &Observed::Nothing,
            at(2),
        );
        assert_eq!(first.state, with_next(state.clone()));
        assert!(superseded(&first).is_empty());
        let second = step(
            first.state,
            &Event::Pushed(wish(C, 3)),
            &Observed::Nothing,
            at(4),
        );
        assert_eq!(second.state.current, state.current);
        assert_eq!(second.state.next, Some(wish(C, 3)));
        assert_eq!(superseded(&second), [(B, C)]);
    }
}

#[test]
fn a_release_that_waits_for_the_service_makes_room_for_a_newer_one() {
    for phase in [Phase::WaitingForResume, Phase::WaitingForService] {
        let step = step(
            releasing(phase),
            &Event::Pushed(wish(B, 1)),
            &Observed::Nothing,
            at(2),
        );
        assert_eq!(superseded(&step), [(A, B)]);
        let current = step.state.current.unwrap();
        assert_eq!((current.sequence, current.image), (2, image(B)));
        assert_eq!(current.phase, Phase::UpdatingMigrate { asked: false });
        assert_eq!((step.tell, step.then), (vec![], Then::Look));
    }
}

#[test]
fn wishes_that_come_again_or_late_change_nothing() {
    let waiting = with_next(releasing(Phase::Migrating { attempts: 1 }));
    let mut done = State {
        sequence: 1,
        newest: Some(wish(A, 5)),
        deployed: Some(Deployed {
            image: image(A),
            time: at(100),
        }),
        ..State::default()
    };
    let before = "it was taken up before";
    let older = "it is older than the newest image wanted";
    let serves = "its image was the last that was deployed";
    let table = [
        (waiting.clone(), Event::Pushed(wish(B, 1)), before),
        (waiting, Event::Pushed(wish(C, 0)), older),
        (done.clone(), Event::Pushed(wish(A, 5)), before),
        (done.clone(), Event::Asked(wish(A, 5)), before),
        (done.clone(), Event::Pushed(wish(B, 4)), older),
    ];
    for (state, event, reason) in table {
        let step = step(state.clone(), &event, &Observed::Nothing, at(200));
        assert_eq!((&step.state, ignored(&step)), (&state, vec![reason]));
        assert_eq!(step.then, Then::Done);
    }
    let pushed = step(
        done.clone(),
        &Event::Pushed(wish(A, 6)),
        &Observed::Nothing,
        at(200),
    );
    assert_eq!(ignored(&pushed), [serves]);
    done.newest = Some(wish(A, 6));
    assert_eq!(pushed.state, done);
    // By hand, whatever serves is deployed once more.
    let asked = step(done, &Event::Asked(wish(A, 7)), &Observed::Nothing, at(200));
    assert_eq!(asked.state.current.unwrap().sequence, 2);
}

#[test]
fn the_message_of_the_release_under_way_goes_on_with_it() {
    let updating = releasing(Phase::UpdatingMigrate { asked: true });
    let step = step(
        updating.clone(),
        &Event::Pushed(wish(A, 0)),
        &Observed::Nothing,
        at(5),
    );
    assert_eq!(
        (step.state, step.notes, step.then),
        (updating, vec![], Then::Look)
    );
}

#[test]
fn wanting_the_current_image_anew_takes_back_what_came_between() {
    let state = with_next(releasing(Phase::Migrating { attempts: 1 }));
    let step = step(state, &Event::Pushed(wish(A, 2)), &Observed::Nothing, at(3));
    assert_eq!(superseded(&step), [(B, A)]);
    assert_eq!(ignored(&step), ["its image is being released already"]);
    assert_eq!(
        (step.state.next, step.state.newest),
        (None, Some(wish(A, 2)))
    );
    assert_eq!(step.state.current.unwrap().sequence, 1);
}

#[test]
fn an_image_that_failed_may_be_pushed_again() {
    let mut state = releasing(Phase::Migrating { attempts: 1 });
    state = step(
        state,
        &migrated(A, Err("broken")),
        &Observed::Nothing,
        at(9),
    )
    .state;
    let again = step(
        state,
        &Event::Pushed(wish(A, 10)),
        &Observed::Nothing,
        at(11),
    );
    assert_eq!(again.state.current.unwrap().sequence, 2);
}
