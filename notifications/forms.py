"""The form of a webhook."""

from typing import Any

from django import forms

from notifications.models import CONTEXT_LEVEL, Preset, Webhook
from notifications.occasions import DEFAULT, Occasion
from notifications.services import Wanted
from streams.protocol.text import NAME_LENGTH


class WebhookForm(forms.Form):
    """Creates a webhook, or changes one: an empty address then stays as it is."""

    name = forms.CharField(max_length=NAME_LENGTH, widget=forms.TextInput({"placeholder": "Team chat"}))
    preset = forms.ChoiceField(label="Receiver", choices=Preset.choices)
    url = forms.CharField(
        label="Address", max_length=2_000, widget=forms.TextInput({"type": "url", "placeholder": "https://"})
    )
    agents = forms.CharField(
        label="Agents",
        required=False,
        max_length=100,
        widget=forms.TextInput({"placeholder": "all"}),
    )
    context_level = forms.IntegerField(label="Context almost full from (%)", min_value=1, max_value=100)
    occasions = forms.MultipleChoiceField(
        label="Tell it when",
        choices=Occasion.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any = None, webhook: Webhook | None = None) -> None:
        if webhook:
            initial = {name: getattr(webhook, name) for name in self.base_fields if name != "url"}
        else:
            initial = {"occasions": list(DEFAULT), "context_level": CONTEXT_LEVEL}
        super().__init__(data, initial=initial)
        if webhook:
            self.fields["url"].required = False
            self.fields["url"].widget.attrs["placeholder"] = "unchanged"

    @property
    def wanted(self) -> Wanted:
        given = dict(self.cleaned_data)
        return Wanted(**(given | {"url": given["url"] or None}))
