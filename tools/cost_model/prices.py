"""List prices of us-east-1 in US dollars, before tax and discounts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """A list price with its source. `evidence` is H for a text of AWS, M for a secondary source, and L for an inference or
    memory.
    """
    dollars: float
    unit: str
    evidence: str
    source: str
    free: float = 0  # the free allowance of an account every month, in the unit of `charge`


PRICES = {
    "acu": Price(0.12, "ACU-hour", "H", "aws/agent-toolkit-for-aws, Aurora sizing; $0.14 in eu-west-1 and eu-central-1"),
    "storage": Price(0.10, "GB-month, Aurora Standard", "H", "the same"),
    "backup": Price(0.021, "GB-month of backups beyond the database's own size", "H", "the same"),
    "io": Price(0.20, "million I/O requests, Aurora Standard", "H", "the same"),
    "apprunner_memory": Price(0.007, "GB-hour, provisioned or active", "H", "aws.amazon.com/apprunner/pricing"),
    "apprunner_cpu": Price(0.064, "vCPU-hour, active", "H", "aws.amazon.com/apprunner/pricing"),
    "fargate_cpu": Price(0.04048, "vCPU-hour, x86", "M", "vantage.sh, wring.co, cloudburn.io (2026)"),
    "fargate_memory": Price(0.004445, "GB-hour, x86", "M", "the same"),
    "alb": Price(0.0225, "hour of a load balancer", "M", "aws.amazon.com/elasticloadbalancing/pricing, as quoted 2026-09-20"),
    "lcu": Price(0.008, "LCU-hour", "M", "the same"),
    "ipv4": Price(0.005, "hour of a public IPv4 address", "H", "EC2 user guide, instance addressing"),
    "endpoint": Price(0.01, "hour of an interface endpoint in one zone", "M", "awsnegotiations.com (2026-05)"),
    "endpoint_data": Price(0.01, "GB through it", "H", "aws.amazon.com/privatelink/pricing"),
    "lambda_request": Price(0.20, "million requests", "M", "aws.amazon.com/lambda/pricing, as quoted 2026-09-20", 1),
    "lambda_arm": Price(0.0000133334, "GB-second, arm64", "M", "price tables of artillery 2.0.28 and others; x86_64 is $0.0000166667", 400_000),
    "sns_publish": Price(0.30, "million publish requests, FIFO", "M", "factualminds.com (2026-06)"),
    "sns_publish_data": Price(0.017, "GB published, FIFO", "L", "memory of aws.amazon.com/sns/pricing"),
    "sns_delivery": Price(0.01, "million deliveries, FIFO", "L", "the same"),
    "sns_delivery_data": Price(0.001, "GB delivered, FIFO", "L", "the same"),
    "sqs": Price(0.50, "million requests of 64 KB, FIFO", "M", "cloudburn.io (2026-03), factualminds.com (2026-06)", 1),
    "logs": Price(0.50, "GB of logs taken in", "M", "fortem.dev, factualminds.com (2026-06); 5 GB free: aws.amazon.com/cloudwatch/pricing", 5),
    "logs_kept": Price(0.03, "GB-month of logs kept", "L", "memory; billed compressed, counted here uncompressed"),
    "alarm": Price(0.10, "alarm on one metric, a month", "M", "c3x.dev; 10 free: aws.amazon.com/cloudwatch/pricing", 10),
    "metric": Price(0.30, "custom metric, a month, for the hours in which it has values", "M", "vantage.sh, c3x.dev; by the hour: aws.amazon.com/cloudwatch/pricing, as often quoted; 10 free: hub.pointfive.co", 10),
    "metric_read": Price(0.01, "1 000 requests for metrics", "L", "memory of aws.amazon.com/cloudwatch/pricing, with its first million free", 1_000),
    "dashboard": Price(3.00, "dashboard, a month", "M", "factualminds.com (2026-06); 3 free: aws.amazon.com/cloudwatch/pricing", 3),
    "kms": Price(0.03, "10 000 requests", "M", "wring.co, factualminds.com (2026); 20 000 free: aws.amazon.com/kms/pricing", 2),
    "s3": Price(0.023, "GB-month, S3 Standard", "M", "cloudburn.io (2026-03)"),
    "s3_put": Price(0.005, "1 000 PUT requests", "L", "memory of aws.amazon.com/s3/pricing"),
    "s3_get": Price(0.0004, "1 000 GET requests", "L", "the same"),
    "ecr": Price(0.10, "GB-month of images", "M", "cloudburn.io, wring.co (2026-03)"),
    "scheduler": Price(1.00, "million invocations", "M", "cloudburn.io (2026-03); 14 million free", 14),
    "out": Price(0.09, "GB to the internet", "M", "cloudburn.io, wring.co (2026-03); the free 100 GB from memory", 100),
    "nat": Price(0.045, "hour of a NAT gateway", "H", "aws.amazon.com/vpc/pricing, and $0.045 a GB"),
    "proxy": Price(0.015, "ACU-hour of an RDS Proxy, at least 8 ACU", "M", "blog.serverworks.co.jp (2024-06) for the minimum; the rate from memory"),
    "t3_medium": Price(0.082, "hour of db.t3.medium, Aurora", "M", "aws/agent-toolkit-for-aws (2026-03), infracost"),
    "secret": Price(0.40, "secret, a month", "L", "memory of aws.amazon.com/secrets-manager/pricing"),
}
