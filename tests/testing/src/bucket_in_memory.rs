//! An S3 bucket in memory, with the operations that the functions call.

use std::collections::BTreeMap;

/// A bucket. S3 lists objects in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketInMemory {
    /// The content of each object, by its key.
    pub objects: BTreeMap<String, String>,
    /// The number of the PutObject that wrote an object.
    written_by: BTreeMap<String, u64>,
    puts: u64,
}

/// The conditions of a request, as its headers have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// An answer of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body.
    pub body: String,
}

/// The largest number of names in one answer of ListObjectsV2.
const MAX_KEYS: usize = 1000;

impl BucketInMemory {
    /// Returns the HTTP status and the body for a request. `path` follows the name of the bucket: percent-encoded, with its query.
    ///
    /// Supports PutObject, GetObject, DeleteObject, and ListObjectsV2 with prefix, delimiter, start and further pages.
    pub fn answer(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = self.answer_if(method, path, &Conditions::default(), body);
        (answer.status, answer.body)
    }

    /// The same for a request with conditions. Every PutObject gives the object another ETag, also with the same content.
    pub fn answer_if(
        &mut self,
        method: &str,
        path: &str,
        conditions: &Conditions,
        body: &str,
    ) -> BucketAnswer {
        let (key, query) = path.split_once('?').unwrap_or((path, ""));
        let key = decoded(key.trim_start_matches('/'));
        let present = self.etag(&key);
        let (status, body) = match method {
            "PUT" => match conditions.refuse(present.as_deref()) {
                Some(refusal) => refusal,
                None => {
                    self.puts += 1;
                    self.written_by.insert(key.clone(), self.puts);
                    self.objects.insert(key.clone(), body.to_owned());
                    (200, String::new())
                }
            },
            "DELETE" => {
                self.objects.remove(&key);
                (204, String::new())
            }
            "GET" if key.is_empty() => (200, self.list(query)),
            "GET" => match self.objects.get(&key) {
                Some(_) if present.is_some() && conditions.if_none_match == present => {
                    (304, String::new())
                }
                Some(body) => (200, body.clone()),
                None => error(404, "NoSuchKey"),
            },
            _ => error(405, "MethodNotAllowed"),
        };
        let etag = (status == 200).then(|| self.etag(&key)).flatten();
        BucketAnswer { status, etag, body }
    }

    /// Returns the ETag of an object; none when there is no such object.
    fn etag(&self, key: &str) -> Option<String> {
        self.objects.get(key)?;
        let number = self.written_by.get(key).copied().unwrap_or_default();
        Some(format!("\"{number:032x}\""))
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

impl Conditions {
    /// Returns the refusal of a PutObject, as S3 refuses it.
    fn refuse(&self, present: Option<&str>) -> Option<(u16, String)> {
        match (&self.if_match, &self.if_none_match, present) {
            (Some(_), _, None) => Some(error(404, "NoSuchKey")),
            (Some(expected), _, Some(present)) if expected != present => {
                Some(error(412, "PreconditionFailed"))
            }
            (_, Some(any), Some(_)) if any == "*" => Some(error(412, "PreconditionFailed")),
            (_, Some(any), _) if any != "*" => Some(error(501, "NotImplemented")),
            _ => None,
        }
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, format!("<Error><Code>{code}</Code></Error>"))
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
    fn an_object_is_replaced_only_as_it_was_read() {
        let mut bucket = BucketInMemory::default();
        let create = Conditions {
            if_none_match: Some("*".into()),
            ..Conditions::default()
        };
        let matching = |etag: &Option<String>| Conditions {
            if_match: etag.clone(),
            ..Conditions::default()
        };
        let missing = matching(&Some("\"1\"".into()));
        assert_eq!(bucket.answer_if("PUT", "/a", &missing, "x").status, 404);
        let first = bucket.answer_if("PUT", "/a", &create, "x").etag;
        assert_eq!(bucket.answer_if("PUT", "/a", &create, "y").status, 412);
        let second = bucket.answer_if("PUT", "/a", &matching(&first), "x");
        assert_eq!(second.status, 200);
        assert_eq!(
            bucket.answer_if("PUT", "/a", &matching(&first), "y").status,
            412
        );
        let unchanged = Conditions {
            if_none_match: second.etag,
            ..Conditions::default()
        };
        assert_eq!(bucket.answer_if("GET", "/a", &unchanged, "").status, 304);
        let changed = Conditions {
            if_none_match: first,
            ..Conditions::default()
        };
        assert_eq!(bucket.answer_if("GET", "/a", &changed, "").body, "x");
    }

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
