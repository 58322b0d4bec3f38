from collections.abc import Iterable

from streams.plugin import Follower, StreamApp


class SearchConfig(StreamApp):
    default = True
    name = "search"

    def followers(self) -> Iterable[Follower]:
        from search.indexer import Indexer

        return [Indexer()]
