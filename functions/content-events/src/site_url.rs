//! The URL of a page, as Wagtail computes it: the host of its site and the path below the site's root page.

use wagrun_database::outbox::Site;

/// Returns the page's full URL, or `None` when the page is below no site's root page.
///
/// The result lacks the language prefixes of `i18n_patterns`, which are known to Django's URL configuration alone.
pub fn page_url(sites: &[Site], url_path: &str) -> Option<String> {
    let site = sites
        .iter()
        .filter(|site| url_path.starts_with(&site.root_path))
        .max_by_key(|site| site.root_path.len())?;
    // The slash at the end of the root path is the first character of the page's path.
    let below_root = &url_path[site.root_path.len().saturating_sub(1)..];
    let host = &site.hostname;
    Some(match site.port {
        80 => format!("http://{host}{below_root}"),
        443 => format!("https://{host}{below_root}"),
        port => format!("http://{host}:{port}{below_root}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(hostname: &str, port: i32, root_path: &str) -> Site {
        Site {
            hostname: hostname.to_owned(),
            port,
            root_path: root_path.to_owned(),
        }
    }

    #[test]
    fn the_path_below_the_sites_root_follows_its_host() {
        let sites = [
            site("www.example.org", 443, "/home/"),
            site("blog.example.org", 80, "/home/blog/"),
            site("localhost", 8000, "/other/"),
        ];
        let table = [
            ("/home/", Some("https://www.example.org/")),
            ("/home/news/", Some("https://www.example.org/news/")),
            ("/home/blog/first/", Some("http://blog.example.org/first/")),
            ("/other/x/", Some("http://localhost:8000/x/")),
            ("/homeless/", None),
            ("/", None),
        ];
        for (url_path, url) in table {
            assert_eq!(page_url(&sites, url_path).as_deref(), url, "{url_path}");
        }
    }
}
