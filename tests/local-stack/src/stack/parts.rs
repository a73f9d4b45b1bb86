//! Starts the parts of a stack, in the order in which they need each other.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testing::process::Supervisor;
use testing::progress::Progress;
use testing::receiver::Receiver;

use super::error::StackError;
use super::options::StackOptions;
use super::superuser::{Superuser, put_superuser};
use crate::admin::PageId;
use crate::deployment::{Build, Deployer, Deployment, STACK};
use crate::emulator::Emulator;
use crate::gunicorn::Site;
use crate::log_export::{LogExport, ServerLog, ring_by_log};
use crate::postgres::{Installation, MASTER, Postgres};
use crate::site_database::Database;
use crate::tools::Tools;

/// The database of the site.
pub(crate) const DATABASE: &str = "wagtail";
/// The role of the site, which migrate creates.
pub(crate) const WEB_USER: &str = crate::migrate_config::WEB_ROLE;
/// The role of content-events, which migrate creates.
const RELAY_USER: &str = "wagrun_relay";

/// The time after which a long step says that it goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// All parts except the supervisor, which must outlive a failed start.
pub(super) struct Parts {
    pub tools: Tools,
    pub postgres: Postgres,
    pub emulator: Emulator,
    pub build: Build,
    pub deployment: Deployment,
    pub receiver: Arc<Receiver>,
    pub site: Site,
    pub superuser: Superuser,
    pub home: PageId,
    pub migrated: Value,
    pub log_export: Option<LogExport>,
}

impl Parts {
    /// Starts all parts.
    pub(super) async fn start(
        supervisor: &Supervisor,
        options: &StackOptions,
    ) -> Result<Self, StackError> {
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

        let superuser = Superuser::new();
        let superuser_parameter = put_superuser(&emulator, &superuser).await?;
        let mut parameters = options.parameters.clone();
        parameters.extend([
            ("DatabaseHost", "127.0.0.1".to_owned()),
            ("DatabasePort", postgres.port().to_string()),
            ("DatabaseName", DATABASE.to_owned()),
            ("DatabaseMasterUser", MASTER.to_owned()),
            ("DatabaseWebUser", WEB_USER.to_owned()),
            ("DatabaseRelayUser", RELAY_USER.to_owned()),
        ]);
        parameters.extend(match &options.own_site {
            None => vec![
                ("SiteDirectory", path(root.join("site"))),
                ("SitePython", path(tools.program("site", "python"))),
                ("SuperuserParameter", superuser_parameter),
            ],
            // Its user model may need more than a name, so its superuser is made apart.
            Some(own) => vec![
                ("SiteDirectory", path(own.directory.clone())),
                ("SitePython", path(own.python.clone())),
                (
                    "SiteEnvironment",
                    own.environment.clone().unwrap_or_default(),
                ),
            ],
        });
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
        let (migrated, site) = match &options.own_site {
            None => {
                let python = tools.environment("site");
                // gunicorn loads Wagtail without the database, so it can start while the tables are created.
                tokio::try_join!(migrate(&deployment, progress), async {
                    let directory = root.join("site");
                    Ok(Site::start(supervisor, &python, &directory, database, progress).await?)
                })?
            }
            // Another site may connect when it starts.
            Some(own) => {
                let migrated = migrate(&deployment, progress).await?;
                (
                    migrated,
                    Site::start_own(supervisor, own, database, progress).await?,
                )
            }
        };
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
}

async fn start_postgres(
    supervisor: &Supervisor,
    tools: &Tools,
    options: &StackOptions,
) -> Result<Postgres, StackError> {
    options.progress.step("starting PostgreSQL");
    let own = options.own_site.as_ref();
    let newest = Installation::of_venv(&tools.environment("postgres"))?;
    let chosen = own.and_then(|own| own.postgres.as_ref());
    let installed = chosen.unwrap_or(&newest);
    let (durability, progress) = (options.durability, &options.progress);
    let postgres = Postgres::start_installed(supervisor, installed, durability, progress).await?;
    postgres.create_database(DATABASE, None).await?;
    if let Some(dump) = own.and_then(|own| own.dump.as_ref()) {
        // The packages of the older servers have no programs of a client.
        let programs = newest.programs();
        let url = postgres.url(DATABASE);
        dump.load(supervisor, &programs, &url, progress).await?;
    }
    Ok(postgres)
}

async fn migrate(deployment: &Deployment, progress: &Progress) -> Result<Value, StackError> {
    progress.step("migrating the database with the deployed function");
    let command = json!({"command": "migrate"});
    let mut migrating = pin!(deployment.invoke("MigrateFunctionName", &command));
    let migrated = loop {
        tokio::select! {
            migrated = &mut migrating => break migrated?,
            () = tokio::time::sleep(SIGN_OF_LIFE) => progress.step("… the function is migrating"),
        }
    };
    progress.step(&format!(
        "migrated: {} Django migrations, {} watched tables",
        migrated["applied_django"].as_array().map_or(0, Vec::len),
        migrated["watched_tables"]
    ));
    Ok(migrated)
}

/// Returns the page at `/`, which the migrations of the site create. A site without one has the root of the tree.
async fn front_page(url: &str) -> sqlx::Result<PageId> {
    let mut connection = PgConnection::connect(url).await?;
    let id = sqlx::query_scalar(
        "select coalesce((select root_page_id from wagtailcore_site where is_default_site),
             (select id from wagtailcore_page where depth = 1 order by path limit 1))::bigint",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(PageId(id))
}

fn path(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}
