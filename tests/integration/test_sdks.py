"""What the adapters stand on imports cleanly, with every warning an error.

The imports are written out so that import-linter knows the names it protects.
"""

from __future__ import annotations


def test_the_four_clouds_import_without_a_warning() -> None:
    import azure.identity
    import azure.mgmt.compute
    import azure.mgmt.network
    import boto3
    import botocore.config
    import google.cloud.compute_v1
    import oci

    assert azure.identity.ClientSecretCredential is not None
    assert azure.mgmt.compute.ComputeManagementClient is not None
    assert azure.mgmt.network.NetworkManagementClient is not None
    assert boto3.__version__ is not None
    assert botocore.config.Config is not None
    assert google.cloud.compute_v1.InstancesClient is not None
    assert oci.core.ComputeClient is not None


def test_the_queue_and_the_store_import_without_a_warning() -> None:
    import alembic.command
    import celery
    import kombu.transport.memory
    import psycopg
    import sqlalchemy
    import sqlmodel

    assert alembic.command.upgrade is not None
    assert celery.Celery is not None
    assert kombu.transport.memory.Transport is not None
    assert psycopg.connect is not None
    assert sqlalchemy.select is not None
    assert sqlmodel.SQLModel is not None
