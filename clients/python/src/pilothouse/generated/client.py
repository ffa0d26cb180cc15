from collections.abc import AsyncIterator
from typing import Any, Optional, Union

from .async_base_client import AsyncBaseClient
from .base_model import UNSET, UnsetType
from .create_model import CreateModel
from .create_version import CreateVersion
from .delete_deployment import DeleteDeployment
from .deploy import Deploy
from .deployment_events import DeploymentEvents
from .get_deployment import GetDeployment
from .get_deployment_by_id import GetDeploymentById
from .get_event_cursor import GetEventCursor
from .get_model import GetModel
from .get_version import GetVersion
from .input_types import (
    CreateModelInput,
    CreateVersionInput,
    DeleteDeploymentInput,
    DeployInput,
    DeploymentRefInput,
    RollbackInput,
    ScaleInput,
)
from .list_deployments import ListDeployments
from .list_versions import ListVersions
from .rollback import Rollback
from .scale import Scale
from .version_events import VersionEvents


def gql(q: str) -> str:
    return q


class GraphQLClient(AsyncBaseClient):
    async def get_event_cursor(self, **kwargs: Any) -> GetEventCursor:
        query = gql("""
            query GetEventCursor {
              eventCursor
            }
            """)
        variables: dict[str, object] = {}
        response = await self.execute(
            query=query, operation_name="GetEventCursor", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return GetEventCursor.model_validate(data)

    async def get_deployment(
        self, name: str, project: str, **kwargs: Any
    ) -> GetDeployment:
        query = gql("""
            query GetDeployment($name: String!, $project: String!) {
              deployment(name: $name, project: $project) {
                ...Deployment
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }
            """)
        variables: dict[str, object] = {"name": name, "project": project}
        response = await self.execute(
            query=query, operation_name="GetDeployment", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return GetDeployment.model_validate(data)

    async def get_deployment_by_id(self, id: str, **kwargs: Any) -> GetDeploymentById:
        query = gql("""
            query GetDeploymentById($id: ID!) {
              node(id: $id) {
                __typename
                ... on Deployment {
                  ...Deployment
                }
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }
            """)
        variables: dict[str, object] = {"id": id}
        response = await self.execute(
            query=query,
            operation_name="GetDeploymentById",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return GetDeploymentById.model_validate(data)

    async def list_deployments(
        self,
        first: int,
        project: Union[Optional[str], UnsetType] = UNSET,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> ListDeployments:
        query = gql("""
            query ListDeployments($project: String, $first: Int!, $after: String) {
              deployments(project: $project, first: $first, after: $after) {
                nodes {
                  ...Deployment
                }
                pageInfo {
                  hasNextPage
                  endCursor
                }
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }
            """)
        variables: dict[str, object] = {
            "project": project,
            "first": first,
            "after": after,
        }
        response = await self.execute(
            query=query, operation_name="ListDeployments", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ListDeployments.model_validate(data)

    async def deploy(self, input: DeployInput, **kwargs: Any) -> Deploy:
        query = gql("""
            mutation Deploy($input: DeployInput!) {
              deploy(input: $input) {
                ...Change
              }
            }

            fragment Change on DeploymentPayload {
              deployment {
                ...Deployment
              }
              rollout {
                ...Rollout
              }
              eventsAfter
              userErrors {
                ...Refusal
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }

            fragment Refusal on UserError {
              code
              message
              field
            }

            fragment Rollout on Rollout {
              id
              state
              reason
              startedAt
              finishedAt
              durationMs
              steps {
                at
                name
                message
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query, operation_name="Deploy", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Deploy.model_validate(data)

    async def scale(self, input: ScaleInput, **kwargs: Any) -> Scale:
        query = gql("""
            mutation Scale($input: ScaleInput!) {
              scale(input: $input) {
                ...Change
              }
            }

            fragment Change on DeploymentPayload {
              deployment {
                ...Deployment
              }
              rollout {
                ...Rollout
              }
              eventsAfter
              userErrors {
                ...Refusal
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }

            fragment Refusal on UserError {
              code
              message
              field
            }

            fragment Rollout on Rollout {
              id
              state
              reason
              startedAt
              finishedAt
              durationMs
              steps {
                at
                name
                message
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query, operation_name="Scale", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Scale.model_validate(data)

    async def rollback(self, input: RollbackInput, **kwargs: Any) -> Rollback:
        query = gql("""
            mutation Rollback($input: RollbackInput!) {
              rollback(input: $input) {
                ...Change
              }
            }

            fragment Change on DeploymentPayload {
              deployment {
                ...Deployment
              }
              rollout {
                ...Rollout
              }
              eventsAfter
              userErrors {
                ...Refusal
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }

            fragment Refusal on UserError {
              code
              message
              field
            }

            fragment Rollout on Rollout {
              id
              state
              reason
              startedAt
              finishedAt
              durationMs
              steps {
                at
                name
                message
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query, operation_name="Rollback", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return Rollback.model_validate(data)

    async def delete_deployment(
        self, input: DeleteDeploymentInput, **kwargs: Any
    ) -> DeleteDeployment:
        query = gql("""
            mutation DeleteDeployment($input: DeleteDeploymentInput!) {
              deleteDeployment(input: $input) {
                ...Change
              }
            }

            fragment Change on DeploymentPayload {
              deployment {
                ...Deployment
              }
              rollout {
                ...Rollout
              }
              eventsAfter
              userErrors {
                ...Refusal
              }
            }

            fragment Deployment on Deployment {
              id
              name
              project {
                name
              }
              endpoint
              generation
              observedGeneration
              phase
              scaledReplicas
              conditions {
                type
                status
                reason
                message
              }
              spec {
                replicas
                timeoutMs
                maxConcurrency
                maxQueue
                batching
                maxBatchSize
                maxDelayMs
                stickyHeader
                threads
                memoryLimitBytes
              }
              targets {
                weight
                shadowPercent
                version {
                  id
                  number
                  model {
                    name
                  }
                  rowIndependence {
                    verdict
                    reason
                  }
                }
              }
              createdAt
              updatedAt
            }

            fragment Refusal on UserError {
              code
              message
              field
            }

            fragment Rollout on Rollout {
              id
              state
              reason
              startedAt
              finishedAt
              durationMs
              steps {
                at
                name
                message
              }
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query,
            operation_name="DeleteDeployment",
            variables=variables,
            **kwargs,
        )
        data = self.get_data(response)
        return DeleteDeployment.model_validate(data)

    async def deployment_events(
        self, deployment: DeploymentRefInput, after: str, **kwargs: Any
    ) -> AsyncIterator[DeploymentEvents]:
        query = gql("""
            subscription DeploymentEvents($deployment: DeploymentRefInput!, $after: String!) {
              deploymentEvents(deployment: $deployment, after: $after) {
                ...DeploymentEvent
              }
            }

            fragment DeploymentEvent on DeploymentEvent {
              cursor
              at
              actor
              type
              message
              phase
              generation
              payload
            }
            """)
        variables: dict[str, object] = {"deployment": deployment, "after": after}
        async for data in self.execute_ws(
            query=query,
            operation_name="DeploymentEvents",
            variables=variables,
            **kwargs,
        ):
            yield DeploymentEvents.model_validate(data)

    async def create_model(self, input: CreateModelInput, **kwargs: Any) -> CreateModel:
        query = gql("""
            mutation CreateModel($input: CreateModelInput!) {
              createModel(input: $input) {
                model {
                  ...Model
                }
                userErrors {
                  ...Refusal
                }
              }
            }

            fragment Model on Model {
              id
              name
              description
              generation
              createdAt
            }

            fragment Refusal on UserError {
              code
              message
              field
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query, operation_name="CreateModel", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateModel.model_validate(data)

    async def create_version(
        self, input: CreateVersionInput, **kwargs: Any
    ) -> CreateVersion:
        query = gql("""
            mutation CreateVersion($input: CreateVersionInput!) {
              createVersion(input: $input) {
                version {
                  ...Version
                }
                userErrors {
                  ...Refusal
                }
              }
            }

            fragment Refusal on UserError {
              code
              message
              field
            }

            fragment Tensor on TensorSpec {
              name
              datatype
              shape
              optional
            }

            fragment Version on Version {
              id
              number
              model {
                id
                name
                project {
                  name
                }
              }
              state
              reason
              logTail
              description
              format
              runtime
              digest
              signature {
                inputs {
                  ...Tensor
                }
                outputs {
                  ...Tensor
                }
              }
              runtimeOptions
              backend {
                name
                library
              }
              rowIndependence {
                verdict
                reason
              }
              lineage {
                dataset {
                  name
                  uri
                  digest
                  rows
                }
                hyperparameters
                metrics
                libraries
                source {
                  uri
                  revision
                }
              }
              loadMs
              memoryBytes
              createdAt
              validatedAt
            }
            """)
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=query, operation_name="CreateVersion", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateVersion.model_validate(data)

    async def get_model(self, name: str, project: str, **kwargs: Any) -> GetModel:
        query = gql("""
            query GetModel($name: String!, $project: String!) {
              model(name: $name, project: $project) {
                ...Model
              }
            }

            fragment Model on Model {
              id
              name
              description
              generation
              createdAt
            }
            """)
        variables: dict[str, object] = {"name": name, "project": project}
        response = await self.execute(
            query=query, operation_name="GetModel", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return GetModel.model_validate(data)

    async def get_version(
        self, model: str, number: int, project: str, **kwargs: Any
    ) -> GetVersion:
        query = gql("""
            query GetVersion($model: String!, $number: Int!, $project: String!) {
              version(model: $model, number: $number, project: $project) {
                ...Version
              }
            }

            fragment Tensor on TensorSpec {
              name
              datatype
              shape
              optional
            }

            fragment Version on Version {
              id
              number
              model {
                id
                name
                project {
                  name
                }
              }
              state
              reason
              logTail
              description
              format
              runtime
              digest
              signature {
                inputs {
                  ...Tensor
                }
                outputs {
                  ...Tensor
                }
              }
              runtimeOptions
              backend {
                name
                library
              }
              rowIndependence {
                verdict
                reason
              }
              lineage {
                dataset {
                  name
                  uri
                  digest
                  rows
                }
                hyperparameters
                metrics
                libraries
                source {
                  uri
                  revision
                }
              }
              loadMs
              memoryBytes
              createdAt
              validatedAt
            }
            """)
        variables: dict[str, object] = {
            "model": model,
            "number": number,
            "project": project,
        }
        response = await self.execute(
            query=query, operation_name="GetVersion", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return GetVersion.model_validate(data)

    async def list_versions(
        self,
        model: str,
        project: str,
        first: int,
        after: Union[Optional[str], UnsetType] = UNSET,
        **kwargs: Any,
    ) -> ListVersions:
        query = gql("""
            query ListVersions($model: String!, $project: String!, $first: Int!, $after: String) {
              versions(model: $model, project: $project, first: $first, after: $after) {
                nodes {
                  ...Version
                }
                pageInfo {
                  hasNextPage
                  endCursor
                }
              }
            }

            fragment Tensor on TensorSpec {
              name
              datatype
              shape
              optional
            }

            fragment Version on Version {
              id
              number
              model {
                id
                name
                project {
                  name
                }
              }
              state
              reason
              logTail
              description
              format
              runtime
              digest
              signature {
                inputs {
                  ...Tensor
                }
                outputs {
                  ...Tensor
                }
              }
              runtimeOptions
              backend {
                name
                library
              }
              rowIndependence {
                verdict
                reason
              }
              lineage {
                dataset {
                  name
                  uri
                  digest
                  rows
                }
                hyperparameters
                metrics
                libraries
                source {
                  uri
                  revision
                }
              }
              loadMs
              memoryBytes
              createdAt
              validatedAt
            }
            """)
        variables: dict[str, object] = {
            "model": model,
            "project": project,
            "first": first,
            "after": after,
        }
        response = await self.execute(
            query=query, operation_name="ListVersions", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ListVersions.model_validate(data)

    async def version_events(
        self, version: str, after: str, **kwargs: Any
    ) -> AsyncIterator[VersionEvents]:
        query = gql("""
            subscription VersionEvents($version: ID!, $after: String!) {
              versionEvents(version: $version, after: $after) {
                cursor
                type
                message
                at
              }
            }
            """)
        variables: dict[str, object] = {"version": version, "after": after}
        async for data in self.execute_ws(
            query=query, operation_name="VersionEvents", variables=variables, **kwargs
        ):
            yield VersionEvents.model_validate(data)
