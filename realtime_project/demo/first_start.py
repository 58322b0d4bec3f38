"""The contents of a new installation: a user to sign in as, and a workspace with a running agent."""

from django.contrib.auth import get_user_model
from django.db import transaction

from workspaces.models import Workspace
from workspaces.services import WorkspaceService

ADMIN = "admin"
PLAYGROUND = "Playground"


@transaction.atomic
def first_start() -> Workspace | None:
    """Create the user `admin`, without a password, and the Playground, unless there are users already.

    Returns the Playground if it was created.
    """
    users = get_user_model()._default_manager
    if users.exists():
        return None
    admin = get_user_model()(username=ADMIN, is_staff=True, is_superuser=True)
    admin.set_unusable_password()
    admin.save()
    return WorkspaceService.create(PLAYGROUND, owner_id=admin.pk)
