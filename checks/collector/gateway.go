package collector

import (
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// gateway returns the command of a Collector with what deploy/collector needs.
func gateway() *cobra.Command {
	return otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "gateway", Version: "test"},
		Factories: func() (f otelcol.Factories, err error) {
			f.Telemetry = otelconftelemetry.NewFactory()
			var errs [4]error
			f.Extensions, errs[0] = otelcol.MakeFactoryMap(bearertokenauthextension.NewFactory(), filestorage.NewFactory(), healthcheckextension.NewFactory())
			f.Receivers, errs[1] = otelcol.MakeFactoryMap(otlpreceiver.NewFactory())
			f.Processors, errs[2] = otelcol.MakeFactoryMap(memorylimiterprocessor.NewFactory())
			f.Exporters, errs[3] = otelcol.MakeFactoryMap(otlphttpexporter.NewFactory(), clickhouseexporter.NewFactory(), kafkaexporter.NewFactory())
			return f, errors.Join(errs[:]...)
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
		}},
	})
}
