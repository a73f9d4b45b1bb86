//! The whole stack, started in the order in which its parts need each other.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::admin::{Admin, AdminError, PageId};
use crate::deployment::{Build, Deployer, Deployment, DeploymentError, STACK};
use crate::emulator::{Emulator, EmulatorError};
use crate::gunicorn::{Database, Site, SiteError};
use crate::log_export::{LogExport, LogExportError, ServerLog, ring_by_log};
use crate::postgres::{Durability, MASTER, Postgres, PostgresError};
use crate::tools::{Tools, ToolsError};
use testing::process::{ProcessError, Supervisor};
use testing::progress::Progress;
use testing::receiver::Receiver;

/// The database of the site.
const DATABASE: &str = "wagtail";
/// The role that the site connects as; migrate creates it.
const WEB_USER: &str = "wagtail_web";
/// The role that content-events connects as; migrate creates it.
const RELAY_USER: &str = "wagrun_relay";

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the run's directories.
    pub name: String,
    /// Where progress goes.
    pub progress: Progress,
    /// Whether commits survive a crash of the machine.
    pub durability: Durability,
    /// Subscribers, each at the receiver's `/hooks/<name>`, with more fields of their parameters; none receive every event.
    pub subscribers: Vec<(String, Value)>,
    /// Parameters of the template besides those that say where things are.
    pub parameters: BTreeMap<&'static str, String>,
    /// Whether the database rings by its log alone, as with `Doorbell=Logs`.
    pub rings_by_log: bool,
    /// The directory in which the emulator records what it is asked; without it, one that ends with the run.
    pub requests: Option<PathBuf>,
}

impl Options {
    /// A quiet and fast stack without subscribers.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            progress: Progress::quiet(),
            durability: Durability::Fast,
            subscribers: Vec::new(),
            parameters: BTreeMap::new(),
            rings_by_log: false,
            requests: None,
        }
    }
}

/// Who may do everything in the admin; made by migrate.
#[derive(Debug, Clone)]
pub struct Superuser {
    /// `admin`.
    pub username: String,
    /// Another one for each run.
    pub password: String,
}

/// The running stack; dropping it ends and removes everything.
#[derive(Debug)]
pub struct LocalStack {
    /// Ends before the log is removed that it reads.
    _log_export: Option<LogExport>,
    /// Owns the processes, the run's directory and the logs.
    pub supervisor: Supervisor,
    /// The installed programs.
    pub tools: Tools,
    /// The server.
    pub postgres: Postgres,
    /// The name of the site's database.
    pub database: String,
    /// The emulator of AWS.
    pub emulator: Emulator,
    /// The functions, built for this machine.
    pub build: Build,
    /// `template.yaml` in the emulator.
    pub deployment: Deployment,
    /// Where subscribers' webhooks go.
    pub receiver: Arc<Receiver>,
    /// Wagtail.
    pub site: Site,
    /// Who logs in.
    pub superuser: Superuser,
    /// The site's front page, under which tests create theirs.
    pub home: PageId,
    /// What migrate answered.
    pub migrated: Value,
}

/// A part of the stack did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The run's directories, or a child.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The Python packages.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The emulator of AWS.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// `sam build`, `sam deploy`, or the migrate function.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The export of the server's log.
    #[error("having the database ring by its log")]
    LogExport(#[from] LogExportError),
    /// gunicorn.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The receiver's port or thread.
    #[error("starting the webhook receiver")]
    Receiver(#[source] io::Error),
    /// The migrated database has no default site.
    #[error("looking for the site's front page")]
    Home(#[source] sqlx::Error),
    /// Never, as the address is ours.
    #[error("the site's address {0} is no URL")]
    Address(String),
    /// The superuser can't log in.
    #[error("logging in to the Wagtail admin")]
    Login(#[from] AdminError),
}

/// The stack did not come up, and what it wrote until then is kept.
#[derive(Debug, thiserror::Error)]
#[error("the logs are kept in {}", logs.display())]
pub struct StartError {
    /// The directory with the logs.
    pub logs: PathBuf,
    /// What went wrong.
    pub source: StackError,
}

impl LocalStack {
    /// Brings everything up, from installing the tools to a healthy site; minutes the first time, seconds later.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let logs = testing::checkout().join(".local/logs");
        let failed = |source| StartError {
            logs: logs.clone(),
            source,
        };
        let mut supervisor =
            Supervisor::start(&options.name, &logs).map_err(|error| failed(error.into()))?;
        supervisor.report_to(options.progress.clone());
        match Parts::start(&supervisor, &options).await {
            Ok(parts) => Ok(parts.with(supervisor)),
            Err(source) => {
                supervisor.keep_logs();
                Err(StartError {
                    logs: supervisor.logs().to_owned(),
                    source,
                })
            }
        }
    }

    /// Logs in to the Wagtail admin as the superuser.
    pub async fn admin(&self) -> Result<Admin, StackError> {
        let address = || StackError::Address(self.site.url.clone());
        let url = self.site.url.parse().map_err(|_| address())?;
        let Superuser { username, password } = &self.superuser;
        Ok(Admin::login(url, username, password).await?)
    }

    /// The site's database, as the role that owns it and the schema.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.database)
    }

    /// What further stacks are deployed with.
    pub fn deployer(&self) -> Deployer<'_> {
        Deployer {
            root: testing::checkout(),
            tools: &self.tools,
            supervisor: &self.supervisor,
            emulator: &self.emulator,
            build: &self.build,
        }
    }

    /// Ends and removes everything; the same as dropping it, and readable.
    pub fn stop(self) {
        drop(self);
    }
}

/// Everything but the supervisor, which has to outlive a start that fails.
struct Parts {
    tools: Tools,
    postgres: Postgres,
    emulator: Emulator,
    build: Build,
    deployment: Deployment,
    receiver: Arc<Receiver>,
    site: Site,
    superuser: Superuser,
    home: PageId,
    migrated: Value,
    log_export: Option<LogExport>,
}

impl Parts {
    async fn start(supervisor: &Supervisor, options: &Options) -> Result<Self, StackError> {
        let (root, progress) = (testing::checkout(), &options.progress);
        let receiver = Arc::new(Receiver::start().map_err(StackError::Receiver)?);
        let tools = Tools::install(root, progress).await?;
        let requests = match &options.requests {
            Some(directory) => directory.clone(),
            None => supervisor.create_directory("requests")?,
        };
        let (postgres, emulator, build) = tokio::try_join!(
            start_postgres(supervisor, &tools, options),
            async { Ok(Emulator::start(&tools, supervisor, &requests, progress).await?) },
            async { Ok(Build::run(root, &tools, supervisor, progress).await?) },
        )?;
        let lambda = postgres.set_lambda_endpoint(DATABASE, emulator.endpoint());
        lambda.await?;

        let superuser = Superuser {
            username: "admin".to_owned(),
            password: uuid::Uuid::new_v4().simple().to_string(),
        };
        let superuser_parameter = put_superuser(&emulator, &superuser).await?;
        let mut parameters = options.parameters.clone();
        parameters.extend([
            ("DatabaseHost", "127.0.0.1".to_owned()),
            ("DatabasePort", postgres.port().to_string()),
            ("DatabaseName", DATABASE.to_owned()),
            ("DatabaseMasterUser", MASTER.to_owned()),
            ("DatabaseWebUser", WEB_USER.to_owned()),
            ("DatabaseRelayUser", RELAY_USER.to_owned()),
            ("SiteDirectory", path(root.join("site"))),
            ("SitePython", path(tools.program("site", "python"))),
            ("SuperuserParameter", superuser_parameter),
        ]);
        progress.step("deploying template.yaml into the emulator");
        let deployer = Deployer {
            root,
            tools: &tools,
            supervisor,
            emulator: &emulator,
            build: &build,
        };
        let deployment = deployer.deploy(STACK, &parameters).await?;
        for (subscriber, fields) in &options.subscribers {
            let mut parameter = receiver.parameter(subscriber);
            if let (Some(all), Some(more)) = (parameter.as_object_mut(), fields.as_object()) {
                all.extend(more.clone());
            }
            let parameter = parameter.to_string();
            deployment.put_subscriber(subscriber, &parameter).await?;
        }

        let mut log_export = None;
        if options.rings_by_log {
            let log = ServerLog::from_now_on(&postgres.log()).await?;
            log_export = Some(ring_by_log(log, &deployment, progress).await?);
        }

        let database = Database {
            port: postgres.port(),
            name: DATABASE,
            user: WEB_USER,
        };
        let python = tools.environment("site");
        // gunicorn loads Wagtail without asking the database, so it may do so while the tables are made.
        let (migrated, site) = tokio::try_join!(migrate(&deployment, progress), async {
            let directory = root.join("site");
            Ok(Site::start(supervisor, &python, &directory, database, progress).await?)
        })?;
        progress.step(&format!("ready: the site is at {}", site.url));
        let home = front_page(&postgres.url(DATABASE)).await;
        Ok(Self {
            home: home.map_err(StackError::Home)?,
            tools,
            postgres,
            emulator,
            build,
            deployment,
            receiver,
            site,
            superuser,
            migrated,
            log_export,
        })
    }

    fn with(self, supervisor: Supervisor) -> LocalStack {
        LocalStack {
            _log_export: self.log_export,
            supervisor,
            tools: self.tools,
            postgres: self.postgres,
            database: DATABASE.to_owned(),
            emulator: self.emulator,
            build: self.build,
            deployment: self.deployment,
            receiver: self.receiver,
            site: self.site,
            superuser: self.superuser,
            home: self.home,
            migrated: self.migrated,
        }
    }
}

async fn start_postgres(
    supervisor: &Supervisor,
    tools: &Tools,
    options: &Options,
) -> Result<Postgres, StackError> {
    options.progress.step("starting PostgreSQL");
    let environment = tools.environment("postgres");
    let postgres = Postgres::start(
        supervisor,
        &environment,
        options.durability,
        &options.progress,
    )
    .await?;
    postgres.create_database(DATABASE, None).await?;
    Ok(postgres)
}

/// Writes the superuser's parameter and returns its name.
async fn put_superuser(
    emulator: &Emulator,
    superuser: &Superuser,
) -> Result<String, DeploymentError> {
    let name = format!("/{STACK}/superuser");
    let value = json!({
        "username": superuser.username,
        "email": "admin@example.org",
        "password": superuser.password,
    });
    emulator
        .aws()
        .put_parameter(&name, &value.to_string())
        .await?;
    Ok(name)
}

async fn migrate(deployment: &Deployment, progress: &Progress) -> Result<Value, StackError> {
    progress.step("migrating the database with the deployed function");
    let migrated = deployment
        .invoke("MigrateFunctionName", &json!({"command": "migrate"}))
        .await?;
    progress.step(&format!(
        "migrated: {} Django migrations, {} watched tables",
        migrated["applied_django"].as_array().map_or(0, Vec::len),
        migrated["watched_tables"]
    ));
    Ok(migrated)
}

/// The page at `/`, which the site's own migrations create.
async fn front_page(url: &str) -> sqlx::Result<PageId> {
    let mut connection = PgConnection::connect(url).await?;
    let id = sqlx::query_scalar(
        "select root_page_id::bigint from wagtailcore_site where is_default_site",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(PageId(id))
}

fn path(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}
