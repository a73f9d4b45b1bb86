"""The choices that template.yaml leaves to its users, as parameters, and their combinations."""

import itertools

PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "wagrun-test",
    "AWS::URLSuffix": "amazonaws.com",
}
IMAGE = {"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/site@sha256:" + "0" * 64}
SUBNETS = {"SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1"}
VPC = {"VpcId": "vpc-0123456789abcdef0", "WebSubnetIds": "subnet-0123456789abcdef2,subnet-0123456789abcdef3"}
AURORA, EXISTING = {"Database": "Aurora"}, {"Database": "Existing", "DatabaseHost": "db.example.org", "Network": "Existing"}
DATABASE_LOG = {"DatabaseLogGroup": "/aws/rds/cluster/cms/postgresql"}
DATABASE_GROUP = {"DatabaseSecurityGroupId": "sg-0123456789abcdef1"}
NIGHT = {"PauseSchedule": "cron(0 20 * * ? *)", "ResumeSchedule": "cron(0 7 ? * MON-FRI *)", "PauseTimeZone": "Europe/Berlin"}
WEB_ACL = {"WebAclArn": "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/site/01234567-89ab-cdef-0123-456789abcdef"}
PLATFORMS = [{"WebPlatform": platform} for platform in ("AppRunner", "EcsExpress", "None")] + [
    {"WebPlatform": "AppRunner", "CustomDomain": "www.example.org", **NIGHT, **WEB_ACL},
    {"WebPlatform": "EcsExpress", **WEB_ACL},
]
DOORBELLS = [{"Doorbell": doorbell} for doorbell in ("LambdaEndpoint", "PublicAddress", "Logs")]
PLACES = [
    {**AURORA, "Network": "Create", "LambdaEndpointZones": "1"},
    {**AURORA, "Network": "Create", "LambdaEndpointZones": "2", "FlowLogs": "true"},
    {**AURORA, "Network": "Existing", **SUBNETS, **VPC},
    {**EXISTING, **SUBNETS, **VPC, "DatabaseResourceId": "cluster-ABC", "DatabaseInstanceId": "db-1", **DATABASE_LOG, **DATABASE_GROUP},
    {**EXISTING, **SUBNETS, **VPC, "DatabaseResourceId": "db-ABC"},
    {**AURORA, "Network": "Create", "DatabaseSnapshot": "before"},
    {**EXISTING, **SUBNETS, "SecurityGroupIds": "sg-0123456789abcdef0"},
    EXISTING,
    {**EXISTING, **DATABASE_LOG},
]
PROGRAMS = [{}, IMAGE, {**IMAGE, "ReleaseTag": "prod"}, {"SiteDirectory": "/srv/site"}]
EXTRAS = [
    {},
    {"InvalidationBatches": "true", "Monitoring": "Alarms"},
    {
        "AlarmEmail": "oncall@example.org",
        "DeleteOrphanedLogs": "true",
        "EnforceLogRetention": "true",
        "LogGroupPrefixes": "/aws/codebuild/wagrun-test/,/builds/wagrun-test/",
        "LogGroupsByTag": "true",
        "MigrateOnDeploy": "false",
        "MinCapacity": "0.5",
        "Monitoring": "None",
        "MonthlyBudget": "50",
        "PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary",
        "ReservedConcurrency": "true",
        "ScheduledPublishing": "false",
        "SecretKeyParameter": "/site/key",
        "SiteDomain": "www.example.org",
        "SuperuserParameter": "/site/superuser",
        "Tracing": "true",
        "ZoneNames": "us-east-1b,us-east-1c",
    },
]


def combinations(*choices):
    """Yields every combination of one choice of each list, as one dictionary of parameters."""
    for chosen in itertools.product(*choices):
        yield {name: value for choice in chosen for name, value in choice.items()}


def named(parameters):
    return " ".join(f"{name}={value}" for name, value in parameters.items())
