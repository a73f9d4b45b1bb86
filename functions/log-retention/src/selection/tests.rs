use super::*;
use crate::writer::Writer;

#[test]
fn a_log_group_is_the_stacks_by_its_whole_name_only() {
    let selection = Selection::new("wagrun", "/aws/codebuild/wagrun/,/aws/lambda/wagrun/").unwrap();
    let app_runner = Writer::AppRunner {
        service: "wagrun".into(),
        id: "8fe1e10304f84fd2b0df550fe98a71fa".into(),
    };
    let table = [
        ("/wagrun/content-events", Some(Writer::Unknown)),
        ("/aws/codebuild/wagrun/site", Some(Writer::Unknown)),
        ("/aws/rds/cluster/wagrun/postgresql", Some(Writer::Unknown)),
        (
            "/aws/apprunner/wagrun/8fe1e10304f84fd2b0df550fe98a71fa/service",
            Some(app_runner),
        ),
        (
            "/aws/lambda/wagrun-ContentEventsFunction-1A2B3C4D5E6F",
            Some(Writer::Function(
                "wagrun-ContentEventsFunction-1A2B3C4D5E6F".into(),
            )),
        ),
        (
            "/aws/ecs/wagrun-EcsCluster-a1B2c3D4e5F6/web-1234",
            Some(Writer::Cluster("wagrun-EcsCluster-a1B2c3D4e5F6".into())),
        ),
        (
            "/aws/ecs/containerinsights/wagrun-EcsCluster-a1B2c3D4e5F6/performance",
            Some(Writer::Cluster("wagrun-EcsCluster-a1B2c3D4e5F6".into())),
        ),
        ("/aws/lambda/wagrun/named-by-hand", Some(Writer::Unknown)),
        // Log groups of another stack, whose name begins like this one's.
        ("/wagrun-dev/content-events", None),
        (
            "/aws/lambda/wagrun-dev-ContentEventsFunction-1A2B3C4D5E6F",
            None,
        ),
        ("/aws/ecs/wagrun-dev-EcsCluster-a1B2c3D4e5F6/web-1234", None),
        ("/aws/rds/cluster/wagrun-dev/postgresql", None),
        (
            "/aws/apprunner/wagrun-dev/8fe1e10304f84fd2b0df550fe98a71fa/service",
            None,
        ),
        // Functions that are named by hand.
        ("/aws/lambda/wagrun-import", None),
        ("/aws/lambda/wagrun-import-nightly", None),
        ("/aws/lambda/wagrun", None),
        ("/aws/lambda/wagrunner-Function-1A2B3C4D5E6F", None),
        ("/aws/codebuild/wagrun", None),
        ("/aws/codebuild/site", None),
        ("wagrun/content-events", None),
    ];
    for (name, writer) in table {
        assert_eq!(selection.writer(name), writer, "{name}");
    }
}

#[test]
fn every_log_group_of_the_stack_is_behind_a_listed_prefix() {
    let prefixes = Selection::new("wagrun", "/builds/wagrun/")
        .unwrap()
        .prefixes();
    for name in [
        "/wagrun/web",
        "/aws/apprunner/wagrun/8fe1/application",
        "/aws/lambda/wagrun-F-1A2B3C4D5E6F",
        "/aws/rds/cluster/wagrun/iam-db-auth-error",
        "/aws/ecs/wagrun-EcsCluster-1A2B3C4D5E6F/web-1234",
        "/aws/ecs/containerinsights/wagrun-EcsCluster-1A2B3C4D5E6F/performance",
        "/builds/wagrun/site",
    ] {
        assert!(
            prefixes.iter().any(|prefix| name.starts_with(prefix)),
            "{name}"
        );
    }
}

#[test]
fn a_prefix_that_is_not_the_stacks_alone_is_refused_by_name() {
    for prefix in [
        "/",
        "/aws/",
        "/aws/lambda/",
        "/aws/rds/cluster/",
        "/aws/wagrun/",
        "/wagrun",
        "/aws/codebuild/wagrun",
        "/aws/codebuild/wagrun-site/",
        "/other/",
    ] {
        let error = Selection::new("wagrun", &format!("/x/wagrun/,{prefix}")).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!(
                "environment variable LOG_GROUP_PREFIXES: {prefix:?} would match log groups of other teams"
            )),
            "{prefix} gave {error}"
        );
    }
    for (stack, prefix) in [("lambda", "/aws/lambda/"), ("cluster", "/aws/rds/cluster/")] {
        assert!(
            Selection::new(stack, prefix).is_err(),
            "{prefix} in {stack}"
        );
    }
}

#[test]
fn a_prefix_that_no_log_group_has_is_refused_by_name() {
    for (list, prefix) in [
        ("/x/wagrun/,", ""),
        ("/wagrun/*", "/wagrun/*"),
        ("a b", "a b"),
    ] {
        assert_eq!(
            Selection::new("wagrun", list).unwrap_err(),
            SelectionError::Malformed(prefix.into())
        );
    }
    assert!(Selection::new("aws", "").is_err());
    assert!(Selection::new("", "").is_err());
}

#[test]
fn prefixes_with_the_stacks_name_are_taken() {
    let selection = Selection::new(
        "wagrun",
        "/aws/codebuild/wagrun/, /team/wagrun/x,/aws/rds/instance/wagrun/",
    )
    .unwrap();
    assert!(selection.prefixes().contains(&"/team/wagrun/x".to_owned()));
    assert_eq!(selection.writer("/team/wagrun/xyz"), Some(Writer::Unknown));
}
