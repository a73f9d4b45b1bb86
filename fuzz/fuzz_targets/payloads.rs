//! The payloads of the other functions: migrate, release, log-retention, deliver's sweep, subscriber-directory, and
//! requests of CloudFormation.
#![no_main]

use deliver::fuzzing::{SweepRequest, Swept};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use wagrun_custom_resource::Resource;
use wagrun_fuzz::{assert_readable, choice, json};

/// Size of a response that CloudFormation takes.
const MAX_RESPONSE_BYTES: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = choice(data, 6) else {
        return;
    };
    let Some(payload) = json(rest) else { return };
    match choice {
        0 => of_migrate(&payload),
        1 => of_release(&payload),
        2 => of_log_retention(&payload),
        3 => of_deliver(&payload),
        4 => of_cloudformation(&payload),
        _ => of_subscriber_directory(&payload),
    }
});

fn of_migrate(payload: &Value) {
    use migrate::fuzzing::Request;
    match Request::parse(payload) {
        Ok(request) => {
            assert!(payload.is_object(), "{payload}");
            let mut plain = json!({"command": request.command.as_str()});
            if let Some(image) = &request.deploy {
                assert!(!image.is_empty() && image.len() <= 1000);
                plain["deploy"] = json!(image);
            }
            if let Some(capture) = request.capture {
                plain["capture"] = json!(capture);
            }
            assert_eq!(Request::parse(&plain).unwrap(), request);
        }
        Err(error) => assert_readable(&error),
    }
}

fn of_release(payload: &Value) {
    use release::fuzzing::Request;
    match Request::parse(payload) {
        Ok(request) => {
            assert!(payload.is_object(), "{payload}");
            if let Request::Deploy(reference) = request {
                assert!(payload["deploy"].is_object(), "{payload}");
                let plain = json!({"deploy": serde_json::to_value(&reference).unwrap()});
                assert_eq!(Request::parse(&plain).unwrap(), Request::Deploy(reference));
            }
        }
        Err(error) => assert_readable(&error),
    }
}

fn of_log_retention(payload: &Value) {
    use log_retention::fuzzing::Request;
    match Request::parse(payload) {
        Ok(Request::AllLogGroups(options)) => {
            assert!(payload.is_object(), "{payload}");
            let plain = json!({
                "plan": options.plan, "enforce": options.enforce, "deleteOrphans": options.delete_orphans,
            });
            assert_eq!(
                Request::parse(&plain).unwrap(),
                Request::AllLogGroups(options)
            );
            // Nothing is deleted unless it is asked for in so many words.
            assert_eq!(
                options.delete_orphans,
                payload["deleteOrphans"] == json!(true)
            );
        }
        Ok(Request::CreatedLogGroup(name)) => {
            let detail = &payload["detail"];
            assert_eq!(
                detail["requestParameters"]["logGroupName"],
                json!(name),
                "{payload}"
            );
        }
        Err(error) => assert_readable(&error),
    }
}

fn of_deliver(payload: &Value) {
    match SweepRequest::parse(&payload.to_string()) {
        Ok(SweepRequest { sweep, at_once }) => {
            let name = match sweep {
                Swept::Backlogs => "backlogs",
                Swept::Subscribers => "subscribers",
            };
            assert_eq!(payload["sweep"], json!(name), "{payload}");
            assert_eq!(at_once, payload["at_once"] == json!(true), "{payload}");
        }
        Err(error) => assert_readable(&error),
    }
}

fn of_subscriber_directory(payload: &Value) {
    use subscriber_directory::Request;
    match Request::parse(&payload.to_string()) {
        Ok(Request::Compare) => assert_eq!(*payload, json!({"compare": "subscribers"})),
        Ok(Request::Changed(parameter)) => {
            assert!(payload.get("detail-type").is_some(), "{payload}");
            assert_eq!(payload["detail"]["name"], json!(parameter), "{payload}");
        }
        Err(error) => assert_readable(&error),
    }
}

fn of_cloudformation(payload: &Value) {
    let Some(request) = wagrun_custom_resource::Request::parse(payload) else {
        assert!(custom_domain::fuzzing::parse(payload).is_err());
        return;
    };
    let Ok(request) = request else { return };
    assert_eq!(custom_domain::fuzzing::parse(payload).unwrap(), request);
    let text = payload.to_string();
    let data: Map<String, Value> = request.resource_properties.clone();
    let resource = Resource {
        physical_id: "id".to_owned(),
        data,
    };
    for outcome in [Ok(&resource), Err(text.repeat(20))] {
        let response = wagrun_custom_resource::fuzzing::encode(&request, "new", outcome).unwrap();
        let response_json: Value = serde_json::from_slice(&response).unwrap();
        assert_eq!(response_json["RequestId"], payload["RequestId"]);
        assert_eq!(response_json["StackId"], payload["StackId"]);
        assert!(response_json["Status"] == "SUCCESS" || response_json["Reason"].is_string());
        let ids = [
            "RequestId",
            "StackId",
            "LogicalResourceId",
            "PhysicalResourceId",
        ];
        let ids: usize = ids
            .map(|field| payload[field].to_string().len())
            .iter()
            .sum();
        if ids < 3500 {
            assert!(response.len() <= MAX_RESPONSE_BYTES, "{}", response.len());
        }
    }
}
