//! An S3 bucket in memory, with the operations that the functions call.

use std::collections::BTreeMap;

/// A bucket. S3 lists objects in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketInMemory {
    /// The content of each object, by its key.
    pub objects: BTreeMap<String, String>,
}

/// The largest number of names in one answer of ListObjectsV2.
const MAX_KEYS: usize = 1000;

impl BucketInMemory {
    /// Returns the HTTP status and the body for a request. `path` follows the name of the bucket: percent-encoded, with its query.
    ///
    /// Supports PutObject, GetObject, DeleteObject, and ListObjectsV2 with prefix, delimiter, start and further pages.
    pub fn answer(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (key, query) = path.split_once('?').unwrap_or((path, ""));
        let key = decoded(key.trim_start_matches('/'));
        match method {
            "PUT" => {
                self.objects.insert(key, body.to_owned());
                (200, String::new())
            }
            "DELETE" => {
                self.objects.remove(&key);
                (204, String::new())
            }
            "GET" if key.is_empty() => (200, self.list(query)),
            "GET" => match self.objects.get(&key) {
                Some(body) => (200, body.clone()),
                None => (404, "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
            },
            _ => (
                405,
                "<Error><Code>MethodNotAllowed</Code></Error>".to_owned(),
            ),
        }
    }

    fn list(&self, query: &str) -> String {
        let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        let prefix = text("prefix");
        let max_keys = text("max-keys").parse().unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let after = text("start-after").max(text("continuation-token"));
        let mut listed = String::new();
        let mut last = String::new();
        let mut count = 0;
        let keys = self.objects.keys().map(String::as_str);
        for key in keys.filter(|key| key.starts_with(prefix) && *key > after) {
            let end = key[prefix.len()..]
                .find('/')
                .map(|end| prefix.len() + end + 1);
            let (tag, shown) = match end.filter(|_| query.contains_key("delimiter")) {
                Some(end) => ("CommonPrefixes", &key[..end]),
                None => ("Contents", key),
            };
            if last == shown {
                continue;
            }
            if count == max_keys {
                // `~` sorts after the other characters of a key, so the next page begins after all keys of this name.
                let next = format!("{last}~");
                listed += &format!(
                    "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
                );
                break;
            }
            let name = if tag == "Contents" { "Key" } else { "Prefix" };
            listed += &format!("<{tag}><{name}>{shown}</{name}></{tag}>");
            last = shown.to_owned();
            count += 1;
        }
        format!("<ListBucketResult>{listed}</ListBucketResult>")
    }
}

/// Decodes a key from the path of a URL, in which `+` is not a blank.
fn decoded(key: &str) -> String {
    let query = key.replace('+', "%2B");
    let mut decoded = url::form_urlencoded::parse(query.as_bytes());
    decoded
        .next()
        .map(|(key, _)| key.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_a_prefix_are_listed_once_and_page_by_page() {
        let mut bucket = BucketInMemory::default();
        for key in ["a/1", "a/2", "b%2Fc/1", "d"] {
            let path = format!("/{}", key.replace('%', "%25"));
            assert_eq!(bucket.answer("PUT", &path, key).0, 200);
        }
        let names = |answer: String| {
            let mut names: Vec<String> = answer
                .split("Prefix>")
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            names
                .iter_mut()
                .for_each(|name| *name = name.trim_end_matches("</").to_owned());
            names
        };
        let (_, first) = bucket.answer("GET", "/?delimiter=%2F&max-keys=1", "");
        assert!(first.contains("<NextContinuationToken>a/~</NextContinuationToken>"));
        assert_eq!(names(first), ["a/"]);
        let (_, rest) = bucket.answer("GET", "/?delimiter=%2F&continuation-token=a%2F~", "");
        assert_eq!(names(rest.clone()), ["b%2Fc/"]);
        assert!(rest.contains("<Key>d</Key>"));
        assert_eq!(
            bucket.answer("GET", "/b%252Fc/1", ""),
            (200, "b%2Fc/1".to_owned())
        );
        assert_eq!(bucket.answer("DELETE", "/d", "").0, 204);
        assert_eq!(bucket.answer("GET", "/d", "").0, 404);
    }
}
