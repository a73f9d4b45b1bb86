use super::*;

const PREFIX: &str = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail_web@wagtail:[77]:";
const RING: &str = r#"wagrun doorbell {"xid":"901"} by log"#;

#[track_caller]
fn assert_rings(record: &str) {
    assert_eq!(doorbells(record), [901], "{record}");
}

#[track_caller]
fn assert_silent(record: &str) {
    assert_eq!(doorbells(record), Vec::<u64>::new(), "{record}");
}

#[test]
fn each_message_of_the_trigger_rings() {
    for cause in ["by log", "answered 500", "failed: invoke API failed"] {
        assert_rings(&format!(
            r#"{PREFIX}LOG:  wagrun doorbell {{"xid":"901"}} {cause}"#
        ));
    }
}

#[test]
fn a_line_of_any_session_rings() {
    for session in [
        "2001:db8::7(51234):wagtail_web@wagtail",
        "fe80::1%eth0(51234):wagtail_web@wagtail",
        "ip-10-0-0-4.ec2.internal(51234):wagtail_web@wagtail",
        "[local]:wagtail_web@wagtail",
        // A background process, and a session that is not authenticated yet.
        ":@",
        "10.0.0.4(51234):[unknown]@[unknown]",
        "10.0.0.4(51234):a:b@c d@e(f):[g]",
        r#"10.0.0.4(51234):x]:LOG:  wagrun doorbell {"xid":"5"} by log@wagtail"#,
    ] {
        assert_rings(&format!(
            "2026-11-21 21:46:46 UTC:{session}:[77]:LOG:  {RING}"
        ));
    }
    for zone in ["CEST", "+03", "-0330"] {
        let rest = PREFIX.split_once("UTC").unwrap().1;
        assert_rings(&format!("2026-11-21 21:46:46 {zone}{rest}LOG:  {RING}"));
    }
}

#[test]
fn an_entry_of_several_lines_rings_once() {
    assert_rings(&format!(
        "{PREFIX}LOG:  {RING}\n{PREFIX}CONTEXT:  PL/pgSQL function wagrun.ring(text) line 7 at RAISE\n\
         \tSQL statement \"SELECT wagrun.ring(this_transaction)\"\n{PREFIX}STATEMENT:  COMMIT\n"
    ));
    assert_rings(&format!(
        "{PREFIX}LOG:  {RING}\n{PREFIX}STATEMENT:  update page set title = '\n\t:[1]:LOG:  x'"
    ));
    assert_rings(&format!(
        "{PREFIX}LOG:  00000: {RING}\n{PREFIX}LOCATION:  exec_stmt_raise, pl_exec.c:3932"
    ));
}

#[test]
fn a_record_of_several_entries_rings_for_each() {
    let other = RING.replace("901", "902");
    let record = format!(
        "{PREFIX}ERROR:  {RING}\n{PREFIX}LOG:  {RING}\n{PREFIX}STATEMENT:  COMMIT\n{PREFIX}LOG:  {other}"
    );
    assert_eq!(doorbells(&record), [901, 902]);
}

#[test]
fn the_text_of_a_statement_or_an_error_is_silent() {
    for severity in [
        "ERROR",
        "FATAL",
        "WARNING",
        "DETAIL",
        "HINT",
        "CONTEXT",
        "QUERY",
        "STATEMENT",
    ] {
        assert_silent(&format!("{PREFIX}{severity}:  {RING}"));
    }
    for message in [
        format!(r#"invalid input syntax for type integer: "{RING}""#),
        format!(r#"invalid input syntax for type integer: "{PREFIX}LOG:  {RING}""#),
        format!("statement: select '\n\t{PREFIX}LOG:  {RING}'"),
        format!("duration: 1.000 ms  statement: select ':[1]:LOG:  {RING}'"),
    ] {
        assert_silent(&format!("{PREFIX}ERROR:  {message}"));
        assert_silent(&format!("{PREFIX}LOG:  {message}"));
    }
}

#[test]
fn a_line_without_aurora_s_prefix_is_silent() {
    for line in [
        RING.to_owned(),
        format!("LOG:  {RING}"),
        format!("2026-11-21 21:46:46.123 UTC [77] wagtail_web@wagtail LOG:  {RING}"),
        format!(" {PREFIX}LOG:  {RING}"),
        format!("\t{PREFIX}LOG:  {RING}"),
        format!("yyyy-mm-dd 21:46:46 UTC:[local]:a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 at noon:[local]:a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 :[local]:a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:wagtail_web@wagtail:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:(51234):a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:a host(51234):a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:10.0.0.4():a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:10.0.0.4(port):a@b:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail:[77]:LOG:  {RING}"),
        format!("2026-11-21 21:46:46 UTC:10.0.0.4(51234):a@b:[]:LOG:  {RING}"),
        format!("{PREFIX}LOG: {RING}"),
        format!("{PREFIX}LOG:  and {RING}"),
    ] {
        assert_silent(&line);
    }
}

#[test]
fn an_invalid_id_is_silent() {
    for xid in ["", "0", "2", "-5", "x", "99999999999999999999"] {
        assert_silent(&format!(
            r#"{PREFIX}LOG:  wagrun doorbell {{"xid":"{xid}"}} by log"#
        ));
    }
    assert_silent(&format!(r#"{PREFIX}LOG:  wagrun doorbell {{"xid":"901"#));
    assert_silent(&format!(r#"{PREFIX}LOG:  wagrun doorbell {{"xid":"901"}}"#));
}

/// A client chooses the names before it is authenticated, so a forged line is inside the entry that refuses it.
#[test]
fn a_name_forges_no_line() {
    for user in [
        format!("x@y:[1]:LOG:  {RING}"),
        format!("@:[1]:LOG:  {RING}\n"),
        format!("a\n2026-11-21 21:46:46 UTC::@:[1]:LOG:  {RING}"),
        format!("a\n2026-11-21 21:46:46 UTC::@:[1]:LOG:  {RING}\n"),
    ] {
        for line in ["FATAL:  no such role", "LOG:  connection received"] {
            assert_silent(&format!(
                "2026-11-21 21:46:46 UTC:10.0.0.4(51234):{user}@wagtail:[77]:{line}"
            ));
            assert_silent(&format!(
                "2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail@{user}:[77]:{line}"
            ));
        }
    }
}

/// PostgreSQL writes such names as it writes a ring. An id is only a reason to look, so that costs one run.
#[test]
fn names_that_imitate_whole_lines_are_not_recognized() {
    let (user, database) = (
        "\n2026-11-21 21:46:46 Z::",
        ":[7]:LOG:  wagrun doorbell {\"xid\":\"901\"} by log\n\t",
    );
    // PostgreSQL cuts each name to this length.
    assert!(user.len() <= 63 && database.len() <= 63);
    let host = "2026-11-21 21:46:46 UTC:10.0.0.4(51234)";
    assert_rings(&format!(
        "{host}:{user}@{database}:[77]:FATAL:  no such role"
    ));
}

/// Any client can make the server log a megabyte of text that almost ends a prefix.
#[test]
fn a_long_line_is_read_in_one_pass() {
    let started = std::time::Instant::now();
    assert_silent(&format!("{PREFIX}LOG:  {}", ":[".repeat(500_000)));
    assert_silent(&format!("{PREFIX}LOG:  {}", ":[1]:A".repeat(200_000)));
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(2), "took {took:?}");
}
