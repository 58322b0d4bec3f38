from collections.abc import Iterable

from streams.plugin import Follower, Job, StreamApp


class NotificationsConfig(StreamApp):
    default = True
    name = "notifications"

    def followers(self) -> Iterable[Follower]:
        from notifications.follower import WebhookFollower

        return [WebhookFollower()]

    def maintenance(self) -> Iterable[Job]:
        from notifications.dispatcher import DISPATCH_SECONDS, Dispatcher
        from notifications.queue import TRIM_SECONDS, trim

        return [Job(Dispatcher().run, DISPATCH_SECONDS), Job(trim, TRIM_SECONDS)]
