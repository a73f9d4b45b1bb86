//! Presence: the runs that a commit may rely on instead of a ring.
//!
//! A run is present while it holds one of two locks. A commit skips its ring beside two present runs, because the run that it would
//! start would leave to them. It shares a third lock until its rows are visible. A run ends its presence in the statement that has seen
//! nothing pending, while it holds that third lock exclusively. So it has seen the rows of every commit that relies on it, and a later
//! commit does not find it present. A run that has to leave otherwise ends its presence and rings, and the run that follows takes the
//! third lock before it leaves. `wagrun.ring_at_commit` has the other half.

use sqlx::postgres::PgConnection;

use super::lock::Lock;
use super::script::{Literal, Script, lock_key};

/// Takes one of the two locks of presence if `$1` is true. Its value is the key of the lock that was taken, or null.
pub(super) const TAKE_PLACE: &str = "case
        when not $1 then null
        when pg_try_advisory_lock($2) then $2
        when pg_try_advisory_lock($3) then $3
    end";

/// The lock of presence that a run holds, if it holds one.
#[derive(Debug, Default)]
pub struct Presence {
    place: Option<Lock>,
    /// True when the run takes no lock of presence any more.
    is_leaving: bool,
}

impl Presence {
    /// Returns the values of [`TAKE_PLACE`].
    pub(super) fn place_values(&self) -> [Literal<'static>; 3] {
        [
            Literal::Boolean(self.place.is_none() && !self.is_leaving),
            lock_key(Lock::FirstPlace),
            lock_key(Lock::SecondPlace),
        ]
    }

    /// Records the lock that [`TAKE_PLACE`] has taken.
    pub(super) fn record_place(&mut self, key: Option<i64>) {
        let places = [Lock::FirstPlace, Lock::SecondPlace];
        let taken = places.into_iter().find(|place| Some(*place as i64) == key);
        self.place = self.place.or(taken);
    }

    /// The key of the lock, or null.
    pub(super) fn key(&self) -> Literal<'static> {
        Literal::Integer(self.place.map(|lock| lock as i64))
    }

    /// Records that a look has ended the presence.
    pub(super) fn record_end(&mut self) {
        self.place = None;
    }

    /// Ends the presence for the rest of a drain. The commits that rely on the run end soon, and no others join them, so that the run
    /// gets the exclusive lock however many commits there are.
    pub async fn leave(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.is_leaving = true;
        self.end(connection).await
    }

    /// Ends the presence without a look. The run must then leave to others: to two runs, to one that it rings for, or to Lambda, which
    /// repeats a run that failed.
    pub async fn end(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Some(lock) = self.place.take() else {
            return Ok(());
        };
        let mut script = Script::default();
        script.add("select pg_advisory_unlock($1)", &[lock_key(lock)]);
        script.run(connection).await.map(drop)
    }
}

/// Takes a lock for this session, and a lock of presence with it. Returns false when another session holds the lock.
pub async fn try_lock_and_be_present(
    connection: &mut PgConnection,
    lock: Lock,
    presence: &mut Presence,
) -> Result<bool, sqlx::Error> {
    let [is_absent, first, second] = presence.place_values();
    let statement = format!(
        "with tried as materialized (select pg_try_advisory_lock($4) as is_locked)
         select is_locked, case when is_locked then {TAKE_PLACE} end as place from tried"
    );
    let mut script = Script::default();
    script.add(&statement, &[is_absent, first, second, lock_key(lock)]);
    let (is_locked, place) = script.run(connection).await?.next().row()?;
    presence.record_place(place);
    Ok(is_locked)
}
