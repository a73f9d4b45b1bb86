//! The decision: what becomes of a release when something happens. It calls nobody and reads no clock.

use std::time::Duration;

use jiff::Timestamp;

use crate::state::{Deployed, Image, Phase, Release, State, Wish};
use crate::words::{
    Event, MigrateFunction, Note, Observed, Order, Progress, Readiness, Service, Step, Tell, Then,
};

/// How long migrate may take to become active with its new image.
const UPDATE_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long migrate may take to say how it ended: the function's own 15 minutes and some.
const MIGRATE_PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How often migrate is invoked for a release. Lambda may lose an asynchronous event, and a second run finds nothing to do.
const MIGRATE_ATTEMPTS: u8 = 2;
/// How long the platform may refuse the order for the moment.
const ORDER_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long the platform may take to roll, or to be done with another operation.
const ROLL_PATIENCE: Duration = Duration::from_secs(60 * 60);
/// How long after its event an operation may still look as if it were under way.
const EVENT_PATIENCE: Duration = Duration::from_secs(60);

/// The decision.
pub fn step(state: State, event: &Event, observed: &Observed, now: Timestamp) -> Step {
    let mut step = Step {
        state,
        tell: Vec::new(),
        notes: Vec::new(),
        then: Then::Done,
    };
    match event {
        Event::Pushed(wish) => step.wanted(wish, true, now),
        Event::Asked(wish) => step.wanted(wish, false, now),
        Event::Migrated { digest, result } => step.migrated(digest, result, now),
        Event::ServiceChanged { what, at } => step.service_changed(what, *at, observed, now),
        Event::Look => step.look(observed, None, now),
        Event::MigrateUpdated => {
            step.reach(Phase::UpdatingMigrate { asked: true }, now);
            step.then = Then::Look;
        }
        Event::MigrateInvoked => step.invoked(now),
        Event::Rolled(operation) => {
            let operation = Some(operation.clone());
            step.reach(Phase::Rolling { operation }, now);
        }
        Event::NotNow(reason) => step.not_now(reason, now),
        Event::Refused(reason) => step.fail(reason, now),
    }
    step
}

impl Step {
    fn wanted(&mut self, wish: &Wish, pushed: bool, now: Timestamp) {
        let repeated = self.state.newest.as_ref() == Some(wish);
        let older = (self.state.newest.as_ref()).is_some_and(|newest| wish.at < newest.at);
        let is_current = (self.state.current.as_ref())
            .is_some_and(|release| release.image.digest == wish.image.digest);
        if older {
            return self.ignore("it is older than the newest image wanted");
        }
        if repeated {
            // Without a note for the current one: its message comes again and again while migrate is updated.
            return match is_current {
                true => self.carry_on(),
                false => self.ignore("it was taken up before"),
            };
        }
        self.state.newest = Some(wish.clone());
        if is_current {
            if let Some(next) = self.state.next.take() {
                self.supersede(next.image, &wish.image);
            }
            return self.ignore("its image is being released already");
        }
        match self.state.current.take() {
            None => {
                let serves = (self.state.deployed.as_ref())
                    .is_some_and(|deployed| deployed.image.digest == wish.image.digest);
                if pushed && serves {
                    return self.ignore("its image was the last that was deployed");
                }
                self.begin(wish.image.clone(), now);
            }
            // Nothing of it is under way, and the newer one would only wait for the same.
            Some(Release {
                phase: Phase::WaitingForResume | Phase::WaitingForService,
                image,
                ..
            }) => {
                self.supersede(image, &wish.image);
                self.begin(wish.image.clone(), now);
            }
            Some(current) => {
                self.state.current = Some(current);
                if let Some(next) = self.state.next.replace(wish.clone()) {
                    self.supersede(next.image, &wish.image);
                }
                self.carry_on();
            }
        }
    }

    fn migrated(&mut self, digest: &str, result: &Result<usize, String>, now: Timestamp) {
        let Some(release) = &mut self.state.current else {
            return self.ignore("no release is under way");
        };
        if release.image.digest != digest {
            return self.ignore("it is of another release");
        }
        if !matches!(release.phase, Phase::Migrating { .. }) {
            return self.ignore("this release does not wait for migrate");
        }
        match result {
            Ok(applied) => {
                release.migrations_applied = Some(*applied);
                self.reach(Phase::Rolling { operation: None }, now);
                self.then = Then::Look;
            }
            Err(reason) => self.fail(reason, now),
        }
    }

    fn service_changed(&mut self, what: &str, at: Timestamp, observed: &Observed, now: Timestamp) {
        match self.state.current.as_ref().map(|release| &release.phase) {
            Some(Phase::Rolling { .. } | Phase::WaitingForResume | Phase::WaitingForService) => {
                self.look(observed, Some((what, at)), now);
            }
            Some(_) => self.ignore("this release does not wait for the web service"),
            None => self.ignore("no release is under way"),
        }
    }

    fn look(&mut self, observed: &Observed, because: Option<(&str, Timestamp)>, now: Timestamp) {
        let Some(release) = self.state.current.clone() else {
            return self.ignore("no release is under way");
        };
        match (&release.phase, observed) {
            (Phase::UpdatingMigrate { asked }, Observed::Migrate(function)) => {
                self.look_at_migrate(&release, *asked, function, now);
            }
            (Phase::Migrating { attempts }, _) if waited(&release, MIGRATE_PATIENCE, now) => {
                if *attempts < MIGRATE_ATTEMPTS {
                    self.then = Then::Order(Order::InvokeMigrate(release.image));
                } else {
                    self.fail(
                        "migrate was invoked twice and did not say how it ended",
                        now,
                    );
                }
            }
            (Phase::Migrating { .. }, _) => {}
            (_, Observed::Service(service)) => {
                self.look_at_service(&release, service, because, now)
            }
            // Only a driver that looked at something else than the phase asks for gets here.
            _ => self.then = Then::Look,
        }
    }

    fn look_at_migrate(
        &mut self,
        release: &Release,
        asked: bool,
        function: &MigrateFunction,
        now: Timestamp,
    ) {
        let ours = function.digest.as_ref() == Some(&release.image.digest);
        let state = match &function.readiness {
            Readiness::Ready if ours => {
                self.then = Then::Order(Order::InvokeMigrate(release.image.clone()));
                return;
            }
            Readiness::Failed(reason) if asked => {
                return self.fail(&format!("migrate's image can't be changed: {reason}"), now);
            }
            Readiness::Ready => "has another image",
            Readiness::Asleep => "sleeps",
            Readiness::Busy(state) => state,
            Readiness::Failed(reason) => reason,
        };
        let busy = matches!(function.readiness, Readiness::Busy(_));
        if waited(release, UPDATE_PATIENCE, now) {
            let minutes = UPDATE_PATIENCE.as_secs() / 60;
            let reason =
                format!("migrate did not become active within {minutes} minutes; it {state}");
            self.fail(&reason, now);
        } else if asked || busy {
            self.then = Then::Again;
        } else {
            self.then = Then::Order(Order::UpdateMigrate(release.image.clone()));
        }
    }

    fn look_at_service(
        &mut self,
        release: &Release,
        service: &Service,
        because: Option<(&str, Timestamp)>,
        now: Timestamp,
    ) {
        match service {
            Service::Absent | Service::Order(Progress::Succeeded) => self.deployed(now),
            Service::Broken(reason) => self.fail(reason, now),
            Service::Order(Progress::Failed(reason)) => self.fail(reason, now),
            Service::Order(Progress::UnderWay) if waited(release, ROLL_PATIENCE, now) => {
                let minutes = ROLL_PATIENCE.as_secs() / 60;
                self.fail(
                    &format!("the roll did not end within {minutes} minutes"),
                    now,
                );
            }
            Service::Order(Progress::UnderWay) => match because {
                // The event may be a moment ahead of what the platform answers.
                Some((_, at)) if now.duration_since(at) < patience(EVENT_PATIENCE) => {
                    self.then = Then::Again;
                }
                Some(_) => self.ignore("this release's roll goes on"),
                None => {}
            },
            Service::Ordered(operation) => {
                let operation = Some(operation.clone());
                self.reach(Phase::Rolling { operation }, now);
                self.then = Then::Look;
            }
            Service::Ready => {
                self.reach(Phase::Rolling { operation: None }, now);
                self.then = Then::Order(Order::Roll(release.image.clone()));
            }
            Service::Paused => {
                if release.phase != Phase::WaitingForResume {
                    self.reach(Phase::WaitingForResume, now);
                    self.tell.push(Tell::Paused(release.clone()));
                }
            }
            Service::Busy => {
                if release.phase == Phase::WaitingForService && waited(release, ROLL_PATIENCE, now)
                {
                    let minutes = ROLL_PATIENCE.as_secs() / 60;
                    let reason = format!(
                        "the web service was busy with something else for {minutes} minutes"
                    );
                    return self.fail(&reason, now);
                }
                self.reach(Phase::WaitingForService, now);
            }
        }
    }

    fn invoked(&mut self, now: Timestamp) {
        let Some(release) = self.state.current.take() else {
            return;
        };
        let attempts = match release.phase {
            Phase::Migrating { attempts } => attempts + 1,
            _ => 1,
        };
        let mut release = release.reached(Phase::Migrating { attempts }, now);
        // A second invocation has the whole time again.
        release.since = now;
        self.notes.push(Note::Reached(release.clone()));
        self.state.current = Some(release);
    }

    fn not_now(&mut self, reason: &str, now: Timestamp) {
        match &self.state.current {
            Some(release) if waited(release, ORDER_PATIENCE, now) => self.fail(reason, now),
            Some(_) => self.then = Then::Again,
            None => {}
        }
    }

    fn begin(&mut self, image: Image, now: Timestamp) {
        self.state.sequence += 1;
        let release = Release {
            sequence: self.state.sequence,
            image,
            started: now,
            phase: Phase::UpdatingMigrate { asked: false },
            since: now,
            migrations_applied: None,
        };
        self.notes.push(Note::Begins(release.clone()));
        self.state.current = Some(release);
        self.then = Then::Look;
    }

    fn deployed(&mut self, now: Timestamp) {
        let Some(release) = self.state.current.take() else {
            return;
        };
        self.state.deployed = Some(Deployed {
            image: release.image.clone(),
            time: now,
        });
        self.tell.push(Tell::Deployed(release));
        self.go_on_with_next(now);
    }

    fn fail(&mut self, reason: &str, now: Timestamp) {
        let Some(release) = self.state.current.take() else {
            return;
        };
        let failure = release.failed(reason, now);
        self.state.last_failure = Some(failure.clone());
        self.tell
            .push(Tell::Failed(release, failure, reason.to_owned()));
        self.go_on_with_next(now);
    }

    fn go_on_with_next(&mut self, now: Timestamp) {
        self.then = Then::Done;
        if let Some(next) = self.state.next.take() {
            self.begin(next.image, now);
        }
    }

    fn reach(&mut self, phase: Phase, now: Timestamp) {
        if let Some(release) = self.state.current.take() {
            let before = release.phase.name();
            let release = release.reached(phase, now);
            if release.phase.name() != before {
                self.notes.push(Note::Reached(release.clone()));
            }
            self.state.current = Some(release);
        }
    }

    fn supersede(&mut self, old: Image, new: &Image) {
        self.notes.push(Note::Superseded(old, new.clone()));
    }

    fn ignore(&mut self, why: &str) {
        self.notes.push(Note::Ignored(why.to_owned()));
        self.carry_on();
    }

    /// What only a message drives must not stop because this one was about something else.
    fn carry_on(&mut self) {
        let waits_for_a_message = self.state.current.as_ref().is_some_and(|release| {
            matches!(
                release.phase,
                Phase::UpdatingMigrate { .. } | Phase::Rolling { operation: None }
            )
        });
        self.then = if waits_for_a_message {
            Then::Look
        } else {
            Then::Done
        };
    }
}

fn waited(release: &Release, time: Duration, now: Timestamp) -> bool {
    now.duration_since(release.since) >= patience(time)
}

fn patience(time: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(time).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
