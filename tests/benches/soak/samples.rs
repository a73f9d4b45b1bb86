//! One sample of everything that could grow.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use local_stack::stack::LocalStack;
use sqlx::Connection as _;

/// The value of each figure, by its name.
pub type Sample = BTreeMap<String, f64>;

/// The queues, by the outputs of the template.
const QUEUES: [&str; 4] = [
    "EventQueueUrl",
    "DeliveryQueueUrl",
    "EventDeadLetterQueueUrl",
    "DoorbellFailureQueueUrl",
];

/// The figures of the database.
const DATABASE: &str = "
    select 'tables of wagrun, KiB', (sum(pg_total_relation_size(oid)) / 1024)::float8
        from pg_class where relnamespace = 'wagrun'::regnamespace and relkind = 'r'
    union all
    select 'dead rows of wagrun', coalesce(sum(n_dead_tup), 0)::float8 from pg_stat_user_tables where schemaname = 'wagrun'
    union all
    select 'events in the history', count(*)::float8 from wagrun.event
    union all
    select 'rows of the outbox', count(*)::float8 from wagrun.outbox
    union all
    select 'sessions', count(*)::float8 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

/// Takes a sample of the stack.
pub async fn take(stack: &LocalStack) -> Result<Sample, Box<dyn Error>> {
    let mut sample = Sample::new();
    let mut session = sqlx::PgConnection::connect(&stack.database_url()).await?;
    let figures: Vec<(String, f64)> = sqlx::query_as(DATABASE).fetch_all(&mut session).await?;
    session.close().await?;
    sample.extend(figures);
    let aws = stack.emulator.aws();
    for queue in QUEUES {
        let depth = aws.queue_depth(stack.deployment.output(queue)?).await?;
        let waiting = u32::try_from(depth.visible + depth.in_flight)?;
        let name = queue.trim_end_matches("Url");
        sample.insert(format!("messages in {name}"), f64::from(waiting));
    }
    let bucket = stack.deployment.output("BacklogBucketName")?;
    let listing = aws.get("s3", &format!("/{bucket}?list-type=2")).await?;
    let keys = listing.split("<Key>").skip(1);
    let keys = keys.filter_map(|rest| rest.split("</Key>").next());
    // The subscriber directory is in the bucket too, under a key without a slash.
    let deliveries = u32::try_from(keys.filter(|key| key.contains('/')).count())?;
    sample.insert("deliveries set aside".to_owned(), f64::from(deliveries));
    add_programs(&mut sample, stack)?;
    Ok(sample)
}

/// Adds the memory and the open files of the programs of the stack, of the process that has most of them. The programs are all that
/// have the stack's directory in their command or their environment.
fn add_programs(sample: &mut Sample, stack: &LocalStack) -> Result<(), Box<dyn Error>> {
    let run = stack.supervisor.directory().to_string_lossy().into_owned();
    for entry in std::fs::read_dir("/proc")? {
        let process = entry?.path();
        // A process that has ended meanwhile is left out.
        if let Some((name, kibibytes, files)) = program(&process, &run) {
            let mut keep_most = |figure, value: f64| {
                let most: &mut f64 = sample.entry(figure).or_default();
                *most = most.max(value);
            };
            keep_most(format!("memory of {name}, MiB"), kibibytes / 1024.0);
            keep_most(format!("files of {name}"), files);
            *sample.entry(format!("processes of {name}")).or_default() += 1.0;
        }
    }
    Ok(())
}

fn program(process: &Path, run: &str) -> Option<(String, f64, f64)> {
    let text = |file: &str| {
        let bytes = std::fs::read(process.join(file)).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    };
    let (command, environment) = (text("cmdline")?, text("environ")?);
    if !command.contains(run) && !environment.contains(run) {
        return None;
    }
    let function = environment
        .split(' ')
        .find_map(|variable| variable.strip_prefix("AWS_LAMBDA_FUNCTION_NAME="));
    let name = match function {
        // Such as `wagrun-local-DeliverFunction-802B59E35EBF5`.
        Some(name) if !command.contains("python") => name.split('-').nth(2)?.to_owned(),
        _ if command.contains("gunicorn") => "the site".to_owned(),
        _ if command.contains("postgres") => "PostgreSQL".to_owned(),
        _ if command.contains("emulator") => "the emulator".to_owned(),
        _ => return None,
    };
    let status = text("status")?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes = resident.split_whitespace().next()?.parse().ok()?;
    let files = std::fs::read_dir(process.join("fd")).ok()?.count();
    Some((name, kibibytes, f64::from(u32::try_from(files).ok()?)))
}
