//! A subscriber that knows only the types of events and the address of a page.

use std::collections::BTreeMap;

use wagrun_event::Event;

/// Each page that the public sees, with its full URL and all of its addresses.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Listener {
    pub pages: BTreeMap<String, Page>,
    read: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub url: Option<String>,
    pub urls: Vec<String>,
}

impl Listener {
    /// Returns a listener that knows these pages by their full URLs and all of their addresses.
    pub fn knowing(
        view: &BTreeMap<String, String>,
        addresses: &BTreeMap<String, Vec<String>>,
    ) -> Self {
        let pages = view.iter().map(|(id, url)| {
            let page = Page {
                url: Some(url.clone()),
                urls: addresses[id].clone(),
            };
            (id.clone(), page)
        });
        Self {
            pages: pages.collect(),
            read: 0,
        }
    }

    /// Reads the events that it has not read yet. Returns a line about each, for a report.
    pub fn read(&mut self, events: &[Event]) -> Vec<String> {
        let new = &events[self.read..];
        self.read = events.len();
        new.iter().map(|event| self.hear(event)).collect()
    }

    fn hear(&mut self, event: &Event) -> String {
        let Some(id) = event.subject.strip_prefix("page/") else {
            return String::new();
        };
        match event.kind.as_str() {
            "wagtail.page.published" | "wagtail.page.moved" => {
                let urls = event.data["urls"].as_array().unwrap().iter();
                let page = Page {
                    url: event.url().map(str::to_owned),
                    urls: urls.map(|url| url.as_str().unwrap().to_owned()).collect(),
                };
                self.pages.insert(id.to_owned(), page);
            }
            "wagtail.page.unpublished" | "wagtail.page.deleted" => {
                self.pages.remove(id);
            }
            _ => {}
        }
        format!(
            "{} {} live {} {:?} changed {}",
            event.kind,
            event.subject,
            event.data["live"],
            event.url(),
            event.data["changed"]
        )
    }

    /// Returns the pages that have an address, with their full URLs.
    pub fn view(&self) -> BTreeMap<String, String> {
        let addressed = self.pages.iter();
        addressed
            .filter_map(|(id, page)| Some((id.clone(), page.url.clone()?)))
            .collect()
    }

    /// Returns all addresses of the pages that have a full URL, sorted.
    pub fn addresses(&self) -> BTreeMap<String, Vec<String>> {
        let addressed = self.pages.iter().filter(|(_, page)| page.url.is_some());
        addressed
            .map(|(id, page)| {
                let mut urls = page.urls.clone();
                urls.sort_unstable();
                (id.clone(), urls)
            })
            .collect()
    }
}
