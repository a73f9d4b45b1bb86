//! A line of PostgreSQL's log: text of a client is never taken for the server's own doorbell.
#![no_main]

use content_events::fuzzing::doorbells;
use libfuzzer_sys::fuzz_target;
use wagrun_fuzz::text;

const PREFIX: &str = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail_web@wagtail:[77]:";
const RING: &str = r#"LOG:  wagrun doorbell {"xid":"901"} by log"#;
/// Size up to which an input is repeated, so that a slow way to read a long record is noticed.
const LONG: usize = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else { return };
    // The server begins each further line of a message with a tab.
    let inside = text.replace('\n', "\n\t");
    for severity in [
        "ERROR:  syntax error at or near",
        "LOG:  statement:",
        "STATEMENT: ",
        "DETAIL:  Key",
    ] {
        let entry = format!("{PREFIX}{severity} {inside}");
        assert!(doorbells(&entry).is_empty(), "{entry}");
        let entries = format!("{entry}\n{PREFIX}{RING}\n{entry}");
        assert_eq!(doorbells(&entries), [901_u64], "{entries}");
    }
    // A client chooses both names before it is authenticated.
    let name = text.replace('\n', " ");
    for names in [
        format!("{name}@wagtail"),
        format!("wagtail_web@{name}"),
        format!("{name}@{name}"),
    ] {
        let entry = format!(
            "2026-11-21 21:46:46 UTC:10.0.0.4(51234):{names}:[77]:FATAL:  no role\n\t{inside}"
        );
        assert!(doorbells(&entry).is_empty(), "{entry}");
    }
    // A name of several lines forges none, unless it imitates a whole prefix with its time.
    if !text.lines().any(has_time) {
        let entry =
            format!("2026-11-21 21:46:46 UTC:10.0.0.4(51234):{text}@wagtail:[77]:FATAL:  no role");
        assert!(doorbells(&entry).is_empty(), "{entry}");
    }

    for id in doorbells(text) {
        assert!(id >= 3, "{id}");
        assert!(text.contains("wagrun doorbell {\"xid\":\""), "{id}");
    }
    if !text.is_empty() {
        let long = text.repeat(LONG / text.len());
        assert!(doorbells(&long).len() <= long.lines().count());
    }
});

fn has_time(line: &str) -> bool {
    line.get(..11)
        .is_some_and(|date| date.ends_with(' ') && date.matches('-').count() == 2)
}
