// Knows at every quiet moment which pages the public can see, and at which addresses. An example of events.ts: verify the
// request first (docs/webhooks.md), and keep the two maps in your database.
import type { PageEvent, WagrunEvent } from "./events.js";

/** Narrows an event by its subject. The subjects of other objects have a dot, such as blog.author/3. */
export function isPageEvent(event: WagrunEvent): event is PageEvent {
  return event.subject.startsWith("page/");
}

export class PublicPages {
  readonly #sequences = new Map<string, string>();
  readonly #addresses = new Map<string, readonly string[]>();

  handle(event: WagrunEvent): void {
    if (!isPageEvent(event)) return;
    const { partitionkey, sequence, type, data } = event;
    switch (type) {
      case "wagtail.page.published":
      case "wagtail.page.moved":
        return this.#set(partitionkey, sequence, data.urls);
      case "wagtail.page.unpublished":
      case "wagtail.page.deleted":
        return this.#set(partitionkey, sequence, []);
      case "wagtail.page.snapshot":
        return this.#set(partitionkey, sequence, data.live && data.visible_to === "public" ? data.urls : []);
      default:
      // A draft, or a type that is newer than this program.
    }
  }

  /** The addresses of all pages that the public can see. */
  addresses(): string[] {
    return [...this.#addresses.values()].flat().sort();
  }

  #set(page: string, sequence: string, urls: readonly string[]): void {
    const seen = this.#sequences.get(page);
    // A repetition, or an event that was sent again later: old news.
    if (seen !== undefined && sequence <= seen) return;
    this.#sequences.set(page, sequence);
    this.#addresses.set(page, urls);
  }
}
